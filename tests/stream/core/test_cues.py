"""What stands on a screen: every word once, in lines that fit, long enough to be read."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from stream.core.cues import (
    CHARACTERS_PER_S,
    FLASH_S,
    LINE_CHARACTERS,
    LINES,
    LONGEST_S,
    SHORTEST_S,
    Cue,
    cues_of,
    in_turn,
)
from stream.core.messages import Word

MILLISECOND = 0.0011


def say(text: str, word_s: float = 0.35, **pauses: float) -> list[Word]:
    """Words one after the other; `pauses` are seconds of silence behind the words named."""
    words, at = [], 0.0
    for text_of_word in text.split():
        words.append(Word(word=text_of_word, start=at, end=at + word_s, confidence=1.0))
        at += word_s + pauses.get(text_of_word.strip(".,?"), 0.0)
    return words


def show(words: list[Word]) -> list[Cue]:
    return in_turn(list(cues_of(words)))


def lines(words: list[Word]) -> list[tuple[str, ...]]:
    return [cue.lines for cue in show(words)]


def test_a_short_final_is_one_line_for_a_second() -> None:
    assert show(say("Good evening.", 0.2)) == [Cue(0.0, 1.0, ("Good evening.",))]


def test_two_lines_are_about_as_long_and_the_upper_is_not_longer() -> None:
    text = "We will talk about the weather in the north tonight"
    assert lines(say(text)) == [("We will talk about", "the weather in the north tonight")]


def test_a_line_ends_where_the_sense_does() -> None:
    text = "When the rain had stopped, all of us went down to the river"
    assert lines(say(text)) == [("When the rain had stopped,", "all of us went down to the river")]


def test_cues_end_at_sentences() -> None:
    text = (
        "The minister has left the building this evening. Nobody knows when she will be back in "
        "her office."
    )
    first, second = show(say(text))
    assert first.lines[-1].endswith("this evening.")
    assert second.lines[0].startswith("Nobody")


def test_cues_end_at_pauses() -> None:
    text = (
        "so that was the story of the old man and now we are going to hear from our correspondent"
    )
    first, _ = show(say(text, man=0.6))
    assert " ".join(first.lines).endswith("old man")


def test_a_long_silence_is_never_inside_a_cue() -> None:
    first, second = show(say("wait now", wait=4.0))
    assert (first.lines, second.lines) == (("wait",), ("now",))
    assert first.end < second.start


def test_a_last_word_does_not_stand_alone() -> None:
    text = (
        "there were a great many people who had come a long way to see the new railway station open"
    )
    assert min(len(" ".join(cue.lines)) for cue in show(say(text))) >= LINE_CHARACTERS / 2


def test_what_was_said_fast_stays_until_it_can_be_read() -> None:
    fast = say("notwithstanding considerable administrative difficulties everywhere", 0.2)
    (cue,) = show(fast)
    assert cue.end - cue.start >= len(" ".join(cue.lines)) / CHARACTERS_PER_S - MILLISECOND


def test_a_word_longer_than_two_lines_is_broken() -> None:
    assert "".join("".join(cue.lines) for cue in show(say("x" * 500))) == "x" * 500


words_of_speech = st.lists(
    st.tuples(
        st.text(st.sampled_from("abcdefgh,.?'-1"), min_size=1, max_size=14),
        st.floats(0.05, 0.9),
        st.sampled_from([0.0, 0.0, 0.0, 0.1, 0.4, 1.0, 3.0]),
    ),
    max_size=60,
)


def timed(drawn: list[tuple[str, float, float]]) -> list[Word]:
    words, at = [], 0.0
    for text, said_s, silence_s in drawn:
        words.append(Word(word=text, start=at, end=at + said_s, confidence=1.0))
        at += said_s + silence_s
    return words


@given(words_of_speech)
def test_every_word_is_there_once_and_in_order(drawn: list[tuple[str, float, float]]) -> None:
    shown = [word for cue in show(timed(drawn)) for line in cue.lines for word in line.split(" ")]
    assert shown == [text for text, _, _ in drawn]


@given(words_of_speech)
def test_the_limits_hold(drawn: list[tuple[str, float, float]]) -> None:
    cues = show(timed(drawn))
    assert all(1 <= len(cue.lines) <= LINES for cue in cues)
    assert all(0 < len(line) <= LINE_CHARACTERS for cue in cues for line in cue.lines)
    assert all(a.end <= b.start for a, b in pairwise(cues))
    assert all(
        FLASH_S - MILLISECOND < cue.end - cue.start <= LONGEST_S + MILLISECOND for cue in cues
    )


@given(words_of_speech)
def test_only_what_follows_at_once_makes_a_cue_short(drawn: list[tuple[str, float, float]]) -> None:
    cues = show(timed(drawn))
    followed = [*(a.end == b.start for a, b in pairwise(cues)), False]
    for cue, hurried in zip(cues, followed, strict=False):
        characters = sum(map(len, cue.lines)) + len(cue.lines) - 1
        needed = max(SHORTEST_S, characters / CHARACTERS_PER_S)
        assert hurried or cue.end - cue.start >= needed - MILLISECOND


moments = st.floats(0, 1e5, allow_nan=False)


@given(st.lists(st.tuples(st.text(min_size=1, max_size=100), moments, moments), max_size=30))
def test_words_at_any_times_give_cues_in_order(drawn: list[tuple[str, float, float]]) -> None:
    words = [Word(word=text, start=a, end=b, confidence=0.5) for text, a, b in drawn]
    cues = show(words)
    assert all(a.end <= b.start for a, b in pairwise(cues))
    assert all(cue.start < cue.end <= cue.start + LONGEST_S + MILLISECOND for cue in cues)
