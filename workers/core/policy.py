"""Scores -> allow, review, block."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from stream.core.messages import Action
from stream.core.policies import Band, Fallback, Policy

OWN_WORDS = "words"
"""The label that says whether one of the policy's own texts occurs."""
MOST_REASONS = 8
ACTIONS: dict[Fallback, Action] = {
    "hold": Action.REVIEW,
    "block": Action.BLOCK,
    "allow": Action.ALLOW,
}
_GRAVITY = (Action.ALLOW, Action.REVIEW, Action.BLOCK)


class Judgement(NamedTuple):
    """What becomes of a text, and by which rules: only those that ask for nothing milder."""

    action: Action
    reasons: tuple[str, ...]


class Findings(NamedTuple):
    """What is known of a text.

    labels     scores from 0 to 1
    found      the policy's own texts that occur in it
    degraded   a cheaper rung than the engine's best has looked
    unscored   labels that the best rung would have scored, and this one has not
    """

    labels: Mapping[str, float]
    found: Collection[str] = ()
    degraded: bool = False
    unscored: Collection[str] = ()


class _Ruling(NamedTuple):
    action: Action
    reason: str


def judge(findings: Findings, policy: Policy) -> Judgement:
    """The gravest action that any list, any label's score, or the lack of one asks for."""
    rulings = [*_listed(findings, policy), *_scored(findings, policy)]
    if findings.degraded:
        rulings += _unscored(findings, policy)
    gravest = max((ruling.action for ruling in rulings), key=_GRAVITY.index, default=Action.ALLOW)
    if gravest is Action.ALLOW and findings.degraded and policy.degraded != "allow":
        reason = f"only a cheaper rung has looked, policy degraded {policy.degraded}"
        return Judgement(ACTIONS[policy.degraded], (reason,))
    reasons = tuple(ruling.reason for ruling in rulings if ruling.action is gravest)
    return Judgement(gravest, reasons[:MOST_REASONS])


def fall_back(policy: Policy) -> Judgement:
    """What stands in for a verdict that did not come in time."""
    return Judgement(ACTIONS[policy.late], (f"no answer in time, policy late {policy.late}",))


def _listed(findings: Findings, policy: Policy) -> list[_Ruling]:
    """An engine that only scores OWN_WORDS, and does not say what it found, blocks."""
    if not findings.labels.get(OWN_WORDS, 0.0) and not findings.found:
        return []
    found = frozenset(findings.found)
    rulings = [
        _Ruling(Action(each.action), f"list {each.name} has {word!r}: {each.action}")
        for each in policy.word_lists()
        for word in each.words
        if word in found
    ]
    return rulings or [_Ruling(Action.BLOCK, "a text of the channel's lists occurs")]


def _scored(findings: Findings, policy: Policy) -> list[_Ruling]:
    rulings = []
    for label, score in findings.labels.items():
        if label == OWN_WORDS:
            continue
        band = policy.band(label)
        if score >= band.block:
            told = f"{label} {score:.2f} >= block {band.block:.2f}"
            rulings.append(_Ruling(Action.BLOCK, told))
        elif score >= band.review:
            rulings.append(_unsure(label, score, band, findings, policy))
    return rulings


def _unsure(label: str, score: float, band: Band, findings: Findings, policy: Policy) -> _Ruling:
    told = f"{label} {score:.2f} >= review {band.review:.2f}"
    if findings.degraded and label in policy.fail_closed:
        return _Ruling(Action.BLOCK, f"{told}, by a cheaper rung, fail-closed")
    return _Ruling(Action.REVIEW, told)


def _unscored(findings: Findings, policy: Policy) -> list[_Ruling]:
    return [
        _Ruling(Action.REVIEW, f"{label} has no score from a cheaper rung, fail-closed")
        for label in policy.fail_closed
        if label in findings.unscored
    ]
