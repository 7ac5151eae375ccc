"""What is marked stable stands in all later partials."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stream.core.messages import Word
from workers.core.stability import Shown, Stability, common_prefix

CHUNK = 5_120
AGE = 2 * CHUNK


def words(text: str) -> tuple[Word, ...]:
    return tuple(
        Word(word=word, start=at * 0.5, end=(at + 1) * 0.5, confidence=0.0)
        for at, word in enumerate(text.split())
    )


def revise(*texts: str) -> list[Shown]:
    stability = Stability(AGE)
    return [stability.revise(words(text), at * CHUNK) for at, text in enumerate(texts, 1)]


def settled(*texts: str) -> list[str]:
    return [shown.text[: shown.stable_points] for shown in revise(*texts)]


def test_a_word_is_stable_once_two_chunks_have_kept_it() -> None:
    assert settled("the", "the cat", "the cat sat", "the cat sat on") == ["", "", "the", "the cat"]


def test_a_word_that_changes_is_not_stable_nor_is_what_follows_it() -> None:
    assert settled("a b c", "a x c", "a x c", "a x c") == ["", "", "a", "a x c"]


def test_the_age_is_counted_in_audio_not_in_calls() -> None:
    stability = Stability(AGE)
    shown = [stability.revise(words("one two"), at * 160) for at in range(1, 70)]
    first = next(at for at, each in enumerate(shown, 1) if each.stable)
    assert first == AGE // 160 + 1


def test_a_decoder_that_changes_its_mind_is_shown_behind_the_promise() -> None:
    *_, last = revise("the cat", "the cat", "the cat", "a cat sat down")
    assert (last.text, last.stable) == ("the cat sat down", 2)


def test_stable_points_count_code_points() -> None:
    *_, last = revise("naïve 𝒙", "naïve 𝒙", "naïve 𝒙 y")
    assert last.stable_points == len("naïve 𝒙") == 7


def test_a_common_prefix_is_counted_in_whole_words() -> None:
    assert common_prefix([["a", "bc"], ["a", "b"]]) == 1
    assert common_prefix([[], ["a"]]) == 0


hypotheses = st.lists(st.lists(st.sampled_from("abc"), max_size=6).map(" ".join), min_size=1)
steps = st.lists(st.integers(1, 12_000), min_size=1)


@given(hypotheses, steps)
def test_what_is_stable_never_shrinks_and_is_never_contradicted(
    texts: list[str], lengths: list[int]
) -> None:
    stability, upto, promised = Stability(AGE), 0, ""
    for index, text in enumerate(texts):
        upto += lengths[index % len(lengths)]
        shown = stability.revise(words(text), upto)
        assert shown.text.startswith(promised)
        assert shown.stable_points >= len(promised)
        promised = shown.text[: shown.stable_points]


@given(hypotheses)
def test_before_anything_is_promised_the_hypothesis_is_shown_as_it_is(texts: list[str]) -> None:
    for text, shown in zip(texts, revise(*texts), strict=True):
        if shown.stable == 0:
            assert shown.text == text
