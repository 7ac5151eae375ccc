"""The gravest action that a score asks for, and why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.core.messages import Action
from stream.core.requests import Policy
from workers.core.policy import judge

POLICY = Policy(review=0.5, block=0.9)
GRAVITY = [Action.ALLOW, Action.REVIEW, Action.BLOCK]


@pytest.mark.parametrize(
    ("score", "action"),
    [(0.0, "allow"), (0.49, "allow"), (0.5, "review"), (0.89, "review"), (0.9, "block")],
)
def test_a_score_meets_its_threshold(score: float, action: str) -> None:
    assert judge({"hate": score}, POLICY).action == action


def test_a_verdict_says_which_label_and_which_rule() -> None:
    assert judge({"hate": 0.95, "spam": 0.6}, POLICY).reasons == ("hate 0.95 >= block 0.90",)


def test_the_channels_own_words_block_whatever_the_thresholds() -> None:
    assert judge({"words": 0.1}, POLICY).action == Action.BLOCK


scores = st.dictionaries(st.sampled_from(["hate", "spam", "threat"]), st.floats(0, 1))


@given(scores, st.floats(0, 1), st.floats(0, 1))
def test_a_higher_score_is_never_judged_milder(
    labels: dict[str, float], review: float, block: float
) -> None:
    policy = Policy(review=review, block=block)
    higher = {label: min(1.0, score + 0.1) for label, score in labels.items()}
    mild, grave = judge(labels, policy), judge(higher, policy)
    assert GRAVITY.index(mild.action) <= GRAVITY.index(grave.action)
