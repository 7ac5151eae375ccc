"""Scores -> allow, review, block."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from stream.core.messages import Action
from stream.core.requests import Fallback, Policy

OWN_WORDS = "words"
_FALLBACK: dict[Fallback, Action] = {
    "hold": Action.REVIEW,
    "block": Action.BLOCK,
    "allow": Action.ALLOW,
}


class Judgement(NamedTuple):
    """What becomes of a text, and by which rule."""

    action: Action
    reasons: tuple[str, ...]


def judge(labels: Mapping[str, float], policy: Policy) -> Judgement:
    """The gravest action that any label's score asks for.

    The channel's own words (label `words`) block at any score above 0.
    """
    blocked = tuple(
        f"{label} {score:.2f} >= block {policy.block:.2f}"
        for label, score in labels.items()
        if score >= policy.block or (label == OWN_WORDS and score > 0)
    )
    if blocked:
        return Judgement(Action.BLOCK, blocked)
    unsure = tuple(
        f"{label} {score:.2f} >= review {policy.review:.2f}"
        for label, score in labels.items()
        if score >= policy.review
    )
    if unsure:
        return Judgement(Action.REVIEW, unsure)
    return Judgement(Action.ALLOW, ())


def fall_back(policy: Policy) -> Judgement:
    """What stands in for a verdict that did not come in time."""
    return Judgement(_FALLBACK[policy.degraded], (f"no answer in time, policy {policy.degraded}",))
