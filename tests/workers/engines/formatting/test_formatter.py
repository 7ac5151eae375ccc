"""The shipped model writes segments as people do: each word once, in order, with its times."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.core.messages import Word
from workers.engines.formatting.formatter import CUT_S, Formatter, make_formatter
from workers.engines.formatting.tagger import MODEL, Tagger

MOST_BYTES = 2 * 2**20


def say(text: str, word_s: float = 0.25, silence_s: float = 0.1) -> list[Word]:
    return [
        Word(
            word=word,
            start=at * (word_s + silence_s),
            end=at * (word_s + silence_s) + word_s,
            confidence=0.8,
        )
        for at, word in enumerate(text.split())
    ]


@pytest.fixture(scope="module")
def formatter() -> Formatter:
    return Formatter(Tagger())


@pytest.mark.parametrize(
    ("spoken", "written"),
    [
        ("did you see mister brown yesterday", "Did you see Mr. Brown yesterday?"),
        (
            "i'm going to london with tom because the european union has twenty seven members",
            "I'm going to London with Tom because the European Union has 27 members.",
        ),
        ("where do you live i live in new york", "Where do you live? I live in New York."),
        ("it was nineteen eighty four", "It was 1984."),
    ],
)
def test_a_segment_is_written_as_people_do(formatter: Formatter, spoken: str, written: str) -> None:
    assert " ".join(word.word for word in formatter(say(spoken))) == written


def test_silence_is_heard(formatter: Formatter) -> None:
    words = say("when the rain had stopped we all went home")
    paused = [*words[:5], *(replace_times(word, 0.5) for word in words[5:])]
    assert formatter(paused)[4].word == "stopped,"


def replace_times(word: Word, later_s: float) -> Word:
    return Word(
        word=word.word,
        start=word.start + later_s,
        end=word.end + later_s,
        confidence=word.confidence,
    )


def test_what_the_longest_length_cut_goes_on(formatter: Formatter) -> None:
    spoken = " ".join(["and then we went to the house and"] * 9)
    words = say(spoken)
    assert words[-1].end - words[0].start >= CUT_S
    assert formatter(words)[-1].word == "and"


def test_verbatim_changes_nothing() -> None:
    words = say("did you see twenty five of them")
    assert make_formatter(verbatim=True)(words) == tuple(words)


def test_no_words_are_no_words(formatter: Formatter) -> None:
    assert formatter([]) == ()


def test_the_model_is_small() -> None:
    assert (MODEL / "tagger.onnx").stat().st_size <= MOST_BYTES


segments = st.lists(
    st.sampled_from("the i'm london twenty five o'brien nato first percent mister so who".split())
    | st.text(st.characters(codec="utf-8", exclude_categories=["Z", "C"]), min_size=1, max_size=12),
    max_size=80,
)


@settings(max_examples=50)
@given(segments)
def test_any_words_keep_their_order_and_times(formatter: Formatter, spoken: list[str]) -> None:
    words = say(" ".join(spoken))
    written = formatter(words)
    assert written == formatter(words)
    assert all(a.end <= b.start for a, b in pairwise(written))
    starts, ends = {word.start for word in words}, {word.end for word in words}
    assert all(word.start in starts and word.end in ends and word.word for word in written)
    if words:
        assert (written[0].start, written[-1].end) == (words[0].start, words[-1].end)
