"""The gravest action that a list, a score or its lack asks for, and why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.core.messages import Action
from stream.core.policies import Bounds, Fallback, Policy, WordList
from workers.core.policy import MOST_REASONS, Findings, Judgement, fall_back, judge

POLICY = Policy(review=0.5, block=0.9)
GRAVITY = [Action.ALLOW, Action.REVIEW, Action.BLOCK]


def judged(policy: Policy = POLICY, **labels: float) -> Judgement:
    return judge(Findings(labels), policy)


@pytest.mark.parametrize(
    ("score", "action"),
    [(0.0, "allow"), (0.49, "allow"), (0.5, "review"), (0.89, "review"), (0.9, "block")],
)
def test_a_score_meets_its_threshold(score: float, action: str) -> None:
    assert judged(toxic=score).action == action


def test_a_label_may_have_bounds_of_its_own() -> None:
    policy = Policy(labels={"threat": Bounds(review=0.2, block=0.4)})
    assert judged(policy, threat=0.3, spam=0.3) == Judgement(
        Action.REVIEW, ("threat 0.30 >= review 0.20",)
    )
    assert judged(policy, threat=0.4).action == Action.BLOCK


def test_a_verdict_says_which_label_and_which_rule() -> None:
    assert judged(hate=0.95, spam=0.6).reasons == ("hate 0.95 >= block 0.90",)
    assert judged(toxic=0.4) == Judgement(Action.ALLOW, ())


def test_a_verdict_says_which_list_and_which_of_its_texts() -> None:
    lists = (WordList(name="pests", words=("frog", "toad"), action="review"),)
    policy = Policy(words=("slug",), lists=lists)
    found = judge(Findings({"words": 1.0}, found=("toad",)), policy)
    assert found == Judgement(Action.REVIEW, ("list pests has 'toad': review",))
    found = judge(Findings({"words": 1.0}, found=("toad", "slug")), policy)
    assert found == Judgement(Action.BLOCK, ("list words has 'slug': block",))


def test_an_engine_that_does_not_say_what_it_found_blocks() -> None:
    assert judged(words=0.1).action == Action.BLOCK


def test_reasons_are_bounded() -> None:
    words = tuple(f"word {number}" for number in range(100))
    found = judge(Findings({}, found=words), Policy(words=words))
    assert len(found.reasons) == MOST_REASONS


def test_a_cheaper_rung_must_be_sure_of_what_fails_closed() -> None:
    findings = Findings({"hate": 0.6, "spam": 0.6}, degraded=True)
    assert judge(findings, POLICY).action == Action.BLOCK
    assert judge(findings, Policy(fail_closed=())).action == Action.REVIEW
    assert judge(findings._replace(degraded=False), POLICY).action == Action.REVIEW


def test_a_label_that_fails_closed_and_has_no_score_waits_for_a_person() -> None:
    findings = Findings({"spam": 0.0}, degraded=True, unscored={"hate", "toxic"})
    told = ("hate has no score from a cheaper rung, fail-closed",)
    assert judge(findings, POLICY) == Judgement(Action.REVIEW, told)
    assert judge(findings, Policy(fail_closed=())).action == Action.ALLOW


@pytest.mark.parametrize(("said", "action"), [("allow", 0), ("hold", 1), ("block", 2)])
def test_the_policy_says_what_becomes_of_a_text_that_a_cheaper_rung_lets_pass(
    said: Fallback, action: int
) -> None:
    policy = Policy(degraded=said)
    assert judge(Findings({"hate": 0.0}, degraded=True), policy).action == GRAVITY[action]
    assert judge(Findings({"hate": 0.0}), policy).action == Action.ALLOW
    assert judge(Findings({"hate": 1.0}, degraded=True), policy).action == Action.BLOCK


@pytest.mark.parametrize(("said", "action"), [("allow", 0), ("hold", 1), ("block", 2)])
def test_the_policy_says_what_stands_in_for_a_verdict(said: Fallback, action: int) -> None:
    assert fall_back(Policy(late=said)) == Judgement(
        GRAVITY[action], (f"no answer in time, policy late {said}",)
    )


scores = st.dictionaries(st.sampled_from(["hate", "spam", "threat"]), st.floats(0, 1))


@given(scores, st.floats(0, 1), st.floats(0, 1), st.booleans())
def test_a_higher_score_is_never_judged_milder(
    labels: dict[str, float], review: float, block: float, degraded: bool
) -> None:
    policy = Policy(review=review, block=block)
    higher = {label: min(1.0, score + 0.1) for label, score in labels.items()}
    mild = judge(Findings(labels, degraded=degraded), policy)
    grave = judge(Findings(higher, degraded=degraded), policy)
    assert GRAVITY.index(mild.action) <= GRAVITY.index(grave.action)


@given(scores)
def test_a_cheaper_look_is_never_judged_milder(labels: dict[str, float]) -> None:
    sure, unsure = (judge(Findings(labels, degraded=each), POLICY) for each in (False, True))
    assert GRAVITY.index(sure.action) <= GRAVITY.index(unsure.action)
