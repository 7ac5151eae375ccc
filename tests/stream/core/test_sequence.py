from __future__ import annotations

from collections import Counter
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from stream.core.messages import Action, Caption, Fact, Gap, Retract, Translation
from stream.core.sequence import Sequence
from tests.support.facts import CHANNEL, caption, decision, post, retract, review, translation


def passed(*facts: Fact) -> list[Fact]:
    sequence = Sequence()
    return [fact for fact in facts if sequence.admits(fact)]


def test_only_newer_revisions_of_a_segment_pass() -> None:
    facts = [caption(revision=number) for number in (1, 3, 2, 3, 4)]
    assert [fact.revision for fact in passed(*facts) if isinstance(fact, Caption)] == [1, 3, 4]


def test_after_a_final_nothing_of_its_segment_passes() -> None:
    final = caption(revision=2, final=True)
    assert passed(final, caption(revision=9), final, caption(revision=9, final=True)) == [final]


def test_a_final_passes_whatever_its_revision() -> None:
    facts: list[Fact] = [caption(revision=7), caption(revision=2, final=True)]
    assert passed(*facts) == facts


def test_languages_and_segments_are_apart() -> None:
    facts: list[Fact] = [
        translation("s", 1, "de", final=True),
        translation("s", 1, "fr"),
        translation("t", 1, "de"),
        caption("s", 1),
    ]
    assert passed(*facts) == facts


def test_everything_else_passes_once_by_its_id() -> None:
    gap = Gap(channel=CHANNEL, start=0.0, end=1.0, reason="lag")
    facts: list[Fact] = [
        post("a"),
        review("a"),
        decision("a"),
        decision("a", Action.BLOCK),
        retract("s"),
        gap,
    ]
    assert passed(*facts, *facts) == facts


def test_nothing_of_a_segment_follows_its_retraction() -> None:
    facts: list[Fact] = [
        retract("s"),
        caption("s", final=True),
        translation("s", final=True),
        caption("t"),
    ]
    assert passed(*facts) == [retract("s"), caption("t")]


def test_the_memory_is_bounded_and_forgets_the_oldest() -> None:
    sequence = Sequence(limit=2)
    assert all(sequence.admits(post(name)) for name in "abc")
    assert len(sequence) == 2
    assert not sequence.admits(post("c"))
    assert sequence.admits(post("a"))


FACTS = st.one_of(
    st.builds(caption, st.sampled_from(["e-0", "e-9"]), st.integers(1, 4), final=st.booleans()),
    st.builds(
        translation,
        st.sampled_from(["e-0", "e-9"]),
        st.integers(1, 4),
        st.sampled_from(["de", "fr"]),
        final=st.booleans(),
    ),
    st.builds(post, st.sampled_from("abc")),
)


@given(st.lists(FACTS, max_size=20).flatmap(lambda facts: st.permutations(facts * 2)))
def test_any_order_with_repeats_comes_out_once_and_in_order(facts: list[Fact]) -> None:
    out = passed(*facts)
    newest: dict[object, float] = {}
    for fact in out:
        if isinstance(fact, Caption | Translation):
            key = type(fact), fact.segment, fact.language
            revision = inf if fact.final else fact.revision
            assert revision > newest.get(key, 0)
            newest[key] = revision
    finals = Counter(_identity(fact) for fact in out if _identity(fact))
    assert set(finals) == {_identity(fact) for fact in facts if _identity(fact)}
    assert set(finals.values()) <= {1}


def _identity(fact: Fact) -> tuple[object, ...] | None:
    if isinstance(fact, Caption | Translation):
        return (type(fact), fact.segment, fact.language) if fact.final else None
    return type(fact), getattr(fact, "post", None)


def test_a_post_that_was_taken_back_does_not_come_again() -> None:
    taken = Retract(channel=CHANNEL, post="p", reason="blocked")
    assert passed(taken, post("p"), post("q")) == [taken, post("q")]
