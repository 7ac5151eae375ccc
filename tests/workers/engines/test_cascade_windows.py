"""Nothing of a long text falls between two windows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workers.engines.cascade_pieces import SPECIAL, Pieces
from workers.engines.cascade_windows import LONGEST_WORD, OVERLAP_WORDS, cut

PIECES = Pieces([*SPECIAL, *"abcd", *(f"##{c}" for c in "abcd")])
MOST = 70


def test_a_short_text_is_one_window() -> None:
    (window,) = cut("abc d", PIECES, MOST)
    assert window.text == "abc d"
    assert len(window.pieces) == 4


def test_no_text_is_one_empty_window() -> None:
    assert [tuple(w.pieces) for w in cut("", PIECES, MOST)] == [()]


def test_windows_overlap_by_some_words() -> None:
    first, second = cut(" ".join(["ab"] * 50), PIECES, MOST)
    assert len(first.text.split()) + len(second.text.split()) == 50 + OVERLAP_WORDS


@given(st.lists(st.text(alphabet="abcd", min_size=1, max_size=LONGEST_WORD), min_size=1))
def test_every_word_is_in_a_window_that_is_not_too_long(words: list[str]) -> None:
    windows = cut(" ".join(words), PIECES, MOST)
    assert all(len(window.pieces) <= MOST for window in windows)
    inside = {word for window in windows for word in window.text.split()}
    assert inside == set(words)


@given(st.text(alphabet="ab ", max_size=16_000))
def test_windows_are_no_more_than_words_and_lengths_allow(text: str) -> None:
    reading = " ".join(text.split())
    assert len(cut(reading, PIECES, MOST)) <= 1 + len(reading) // 16
