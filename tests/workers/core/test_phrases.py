"""Where listed phrases stand in a text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.phrases import PhraseBook, tokens_of

BOOK = PhraseBook(
    [("house", ["damn", "bloody hell", "hell", "bit.ly/x", "笨蛋", "🍆", "don't"])],
    ["hell of a ride", "moby damn"],
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Damn!", ["Damn"]),
        ("so, bloody  HELL.", ["bloody  HELL"]),
        ("shell damned", []),
        ("a hell of a ride", []),
        ("a hell of a night", ["hell"]),
        ("Moby Damn, damn", ["damn"]),
        ("see bit.ly/x now", ["bit.ly/x"]),
        ("bit ly x", []),
        ("你是笨蛋吗", ["笨蛋"]),
        ("look🍆", ["🍆"]),
        ("I don’t", ["don’t"]),
        ("", []),
    ],
)
def test_a_phrase_is_found_on_word_borders_as_it_is_written(text: str, found: list[str]) -> None:
    assert [text[match.start : match.end] for match in BOOK.find(text)] == found


def test_a_match_names_its_phrase_and_list() -> None:
    (match,) = BOOK.find("BLOODY hell")
    assert (match.phrase, match.name) == ("bloody hell", "house")


@pytest.mark.parametrize(
    ("text", "undecided"),
    [
        ("oh bloody", "bloody"),
        ("oh hell", "hell"),
        ("oh hell of a", "hell of a"),
        ("oh moby", "moby"),
        ("oh damn", None),
        ("oh bloody well", None),
    ],
)
def test_what_a_further_word_could_change_is_undecided(text: str, undecided: str | None) -> None:
    start = BOOK.undecided(tokens_of(text))
    assert (None if start is None else text[start:]) == undecided


words = st.lists(st.sampled_from(["a", "b", "c", ",", "d"]), max_size=12).map(" ".join)
phrases = st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(" ".join))


@given(words, words, phrases, phrases)
def test_more_words_change_nothing_before_what_is_undecided(
    text: str, more: str, listed: list[str], excepted: list[str]
) -> None:
    book = PhraseBook([("x", listed)], excepted)
    start = book.undecided(tokens_of(text))
    settled = len(text) if start is None else start
    now = [match for match in book.find(text) if match.start < settled]
    later = [match for match in book.find(f"{text} {more}") if match.start < settled]
    assert now == later


@given(st.text(), st.lists(st.text(max_size=10)))
def test_any_text_and_any_phrases_are_taken(text: str, listed: list[str]) -> None:
    for match in PhraseBook([("x", listed)]).find(text):
        assert 0 <= match.start < match.end <= len(text)
