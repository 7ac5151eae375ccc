"""Which rules hold where, and that they make sense together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.core.errors import Malformed
from stream.core.policies import (
    MOST_PHRASES,
    RARE,
    Band,
    Book,
    Bounds,
    Entry,
    Labels,
    Policy,
    PolicyChange,
    WordList,
    check,
    resolve,
)


def test_the_gravest_labels_fail_closed_and_silence_holds_by_default() -> None:
    assert Policy().fail_closed == ("hate", "threat")
    assert (Policy().late, Policy().degraded) == ("hold", "allow")


def test_a_channels_own_entry_comes_before_patterns_and_a_pattern_before_later_ones() -> None:
    book = Book(entries=tuple(Entry(match=name) for name in ("news-*", "*", "news-1")))
    assert book.of("news-1").match == "news-1"
    assert book.of("news-2").match == "news-*"
    assert book.of("sport").match == "*"
    assert Book().of("sport") == Entry()


def test_labels_are_merged_bound_by_bound_and_other_keys_replaced() -> None:
    under = PolicyChange(
        words=("a",), labels=Labels(threat=Bounds(review=0.2, block=0.6), spam=Bounds(block=0.95))
    )
    over = PolicyChange(words=("b",), labels=Labels(threat=Bounds(block=0.5)))
    policy = resolve(under, over)
    assert policy.words == ("b",)
    assert policy.band("threat") == Band(0.2, 0.5)
    assert policy.band("spam") == Band(0.5, 0.95)
    assert policy.band("toxic") == Band(0.5, 0.9)


def test_a_bound_that_a_label_leaves_out_gives_way_to_its_other_one() -> None:
    labels = Labels(threat=Bounds(block=0.3), spam=Bounds(review=0.95))
    policy = resolve(PolicyChange(labels=labels))
    assert policy.band("threat") == Band(0.3, 0.3)
    assert policy.band("spam") == Band(0.95, 0.95)


def test_rare_labels_are_reviewed_from_a_lower_score_on() -> None:
    assert Policy().band("hate") == Policy().band("sexist") == Band(RARE["hate"], 0.9)
    assert resolve(PolicyChange(review=0.1)).band("hate") == Band(0.1, 0.9)
    assert resolve(PolicyChange(review=0.6)).band("hate") == Band(RARE["hate"], 0.9)
    named = Labels(hate=Bounds(review=0.7), sexist=Bounds(block=0.2))
    policy = resolve(PolicyChange(labels=named))
    assert policy.band("hate") == Band(0.7, 0.9)
    assert policy.band("sexist") == Band(0.2, 0.2)


score = st.floats(0, 1)
bounds = st.builds(Bounds, review=score, block=score) | st.builds(Bounds, block=score)


@given(st.builds(PolicyChange, review=score, block=score, labels=st.builds(Labels, hate=bounds)))
def test_a_policy_that_passes_has_ordered_bands(said: PolicyChange) -> None:
    policy = resolve(said)
    try:
        check(policy, said)
    except Malformed:
        return
    for label in ("hate", "spam"):
        review, block = policy.band(label)
        assert review <= block


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (PolicyChange(review=0.95), "review is 0.95, expected at most block 0.9"),
        (PolicyChange(block=0.2), "block is 0.2, expected at least review 0.5"),
        (
            PolicyChange(labels=Labels(hate=Bounds(review=0.8, block=0.4))),
            "labels.hate.block is 0.4, expected at least review 0.8",
        ),
    ],
)
def test_bounds_out_of_order_are_refused(said: PolicyChange, told: str) -> None:
    with pytest.raises(Malformed) as refused:
        check(resolve(said), said)
    assert str(refused.value) == told


def test_the_texts_of_a_policy_are_bounded_in_all() -> None:
    words = tuple(map(str, range(MOST_PHRASES // 2)))
    said = PolicyChange(words=words, lists=(WordList(name="a", words=words),))
    check(resolve(said), said)
    said = PolicyChange(words=words, lists=(WordList(name="a", words=(*words, "more")),))
    with pytest.raises(Malformed, match=f"expected at most {MOST_PHRASES}"):
        check(resolve(said), said)
