"""Numbers as people write them, where it is safe: the table is the specification."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.core.messages import Word
from workers.engines.formatting.numerals import PAUSE_S, write_numbers

WORD_S = 0.25


def say(text: str, pause_after: int | None = None) -> tuple[Word, ...]:
    """Words one after the other; behind one of them a pause that parts numbers."""
    words, at = [], 0.0
    for index, word in enumerate(text.split()):
        words.append(Word(word=word, start=at, end=at + WORD_S, confidence=0.9 - index / 100))
        at += WORD_S + (PAUSE_S * 1.1 if index == pause_after else 0.0)
    return tuple(words)


def write(text: str, pause_after: int | None = None) -> str:
    return " ".join(word.word for word in write_numbers(say(text, pause_after)))


COUNTS = {
    "twenty five people": "25 people",
    "nine hundred ninety nine": "999",
    "one hundred and twenty": "120",
    "a hundred and one": "101",
    "a list of ten": "a list of 10",
    "ten or twelve": "10 or 12",
    "ten thousand": "10,000",
    "five hundred thousand": "500,000",
    "two million people": "2 million people",
    "thirty one million two hundred thousand and six": "31,200,006",
}
DECIMALS = {
    "three point one four": "3.14",
    "nought point five": "0.5",
    "three point five million": "3.5 million",
}
YEARS = {
    "nineteen eighty four": "1984",
    "nineteen nineteen": "1919",
    "in eighteen o three": "in 1803",
    "in nineteen oh five": "in 1905",
    "in twelve fifteen": "in 1215",
    "nineteen hundred and five": "1905",
    "eighteen hundred": "1800",
    "two thousand and twenty four": "2024",
    "twenty twenty four": "2024",
    "the nineteen eighties": "the 1980s",
}
DATES = {
    "june five": "june 5",
    "may twenty first": "may 21st",
    "twenty first of may": "21st of may",
    "the first of june": "the 1st of june",
    "july fourth seventeen seventy six": "july 4th, 1776",
    "december twenty fifth two thousand and one": "december 25th, 2001",
}
ORDINALS = {
    "the twentieth century": "the 20th century",
    "the twenty first time": "the 21st time",
}
MONEY_AND_PERCENT = {
    "five dollars": "$5",
    "a five dollar bill": "a $5 bill",
    "a hundred dollars": "$100",
    "one hundred and twenty dollars": "$120",
    "three point five million dollars": "$3.5 million",
    "fifty euros": "€50",
    "five percent": "5%",
    "two point five per cent": "2.5%",
}
TIMES = {
    "at seven thirty": "at 7:30",
    "at ten oh five": "at 10:05",
    "seven thirty p m": "7:30 p.m.",
    "seven am": "7 a.m.",
}
DIGITS = {
    "zero three five one": "0351",
    "five five five o one two three": "5550123",
}


@pytest.mark.parametrize(
    ("spoken", "written"),
    [
        case
        for table in (COUNTS, DECIMALS, YEARS, DATES, ORDINALS, MONEY_AND_PERCENT, TIMES, DIGITS)
        for case in table.items()
    ],
)
def test_what_is_safe_is_written_in_digits(spoken: str, written: str) -> None:
    assert write(spoken) == written


@pytest.mark.parametrize(
    "spoken",
    [
        "one of them",
        "one or two",
        "nine or ten",
        "seven days",
        "the first",
        "the second world war",
        "a second",
        "a tenth of it",
        "two thirds",
        "three hundredths",
        "one half",
        "two and a half",
        "twelve and a half",
        "a hundred",
        "a million stars",
        "hundreds of thousands",
        "fifty fifty",
        "nine eleven",
        "five ten",
        "one twenty",
        "at one fifty degrees",
        "ten fifteen twenty",
        "thirty two five six",
        "eighteen nineteen",
        "one two three four",
        "four three two one",
        "eleven o'clock",
        "half past twelve",
        "ten past eleven",
        "point five",
        "minus fifteen",
        "you may one day",
        "oh no",
        "o lord",
        "o",
    ],
)
def test_what_is_not_sure_stays_as_it_was_said(spoken: str) -> None:
    assert write(spoken) == spoken


@pytest.mark.parametrize("spoken", ["nineteen eighty four", "twenty five", "at ten thirty"])
def test_a_pause_inside_leaves_what_was_said(spoken: str) -> None:
    assert write(spoken) != spoken
    assert write(spoken, pause_after=len(spoken.split()) - 2) == spoken


def test_a_merged_word_spans_those_it_stands_for() -> None:
    first, merged, last = write_numbers(say("exactly twenty five people"))
    assert (first.word, merged.word, last.word) == ("exactly", "25", "people")
    assert (merged.start, merged.end) == (WORD_S, 3 * WORD_S)
    assert merged.confidence == pytest.approx(0.9 - 0.02)


SPOKEN = (
    "o oh zero one two three five nine ten eleven nineteen twenty thirty eighty hundred thousand "
    "million first third tenth twentieth point and a half past dollars percent may of at in am p m "
    "the cat o'clock per cent eighties"
).split()


@given(st.lists(st.sampled_from(SPOKEN), max_size=14), st.integers(-1, 13))
def test_words_without_numbers_stay_and_times_go_on(spoken: list[str], pause_after: int) -> None:
    words = say(" ".join(spoken), pause_after)
    written = write_numbers(words)
    assert all(a.end <= b.start for a, b in pairwise(written))
    if words:
        assert (written[0].start, written[-1].end) == (words[0].start, words[-1].end)
    kept = [word for word in written if not any(map(str.isdigit, word.word))]
    assert [word for word in words if word in kept] == kept
