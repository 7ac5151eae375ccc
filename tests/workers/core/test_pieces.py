"""Texts in pieces: nothing is lost, whatever a model makes of the sentences."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.pieces import LIMIT, cut, cut_facts, facts, is_faithful, without_numbers


def sentences(text: str) -> list[str]:
    return [piece.text for piece in cut(text) if not piece.copy]


def copies(text: str) -> list[str]:
    return [piece.text for piece in cut(text) if piece.copy and piece.text.strip()]


@given(st.text())
def test_the_pieces_make_the_text(text: str) -> None:
    pieces = cut(text)
    assert "".join(piece.text for piece in pieces) == text
    assert all(piece.text for piece in pieces)
    for piece in pieces:
        assert piece.copy or piece.text == piece.text.strip() != ""


@given(st.text(alphabet="ab ,.\n"))
def test_no_sentence_is_longer_than_the_limit(text: str) -> None:
    assert all(len(piece.text) <= 40 for piece in cut(text, 40) if not piece.copy)
    assert LIMIT > 40


def test_sentences_are_cut_at_stops_and_not_at_short_forms() -> None:
    text = (
        'Dr. Smith paid $3.50, e.g. in the U.S. market. "Really?" she said. Yes… It is 5 p.m. now.'
    )
    assert sentences(text) == [
        "Dr. Smith paid $3.50, e.g. in the U.S. market.",
        '"Really?" she said.',
        "Yes…",
        "It is 5 p.m. now.",
    ]


def test_line_breaks_addresses_handles_and_emoji_are_copied() -> None:
    text = (
        "Hello 👩‍🚀!\n\nSee https://a.org/x?y=1&z=ü, or mail bob.b@ex-ample.co.uk (cc @ann, #live)."
    )
    assert copies(text) == [
        "👩‍🚀",
        "!",
        "https://a.org/x?y=1&z=ü",
        "bob.b@ex-ample.co.uk",
        "@ann",
        ", ",
        "#live",
        ").",
    ]
    assert "\n\n" in [piece.text for piece in cut(text)]


@pytest.mark.parametrize("text", ["", " ", "\n\n", "123 456", "🙂🙂", "https://x.org", "?!"])
def test_what_has_no_word_is_not_translated(text: str) -> None:
    assert sentences(text) == []


def test_a_sentence_is_cut_at_its_numbers_and_at_the_glossarys_words() -> None:
    pieces = cut_facts("The Red Team won 3:1 and 1,000.50 € on 5 May", {"red team": "Rotes Team"})
    assert [piece.text.strip() for piece in pieces if piece.copy and piece.text.strip()] == [
        "Rotes Team",
        "3:1",
        "1,000.50 €",
        "5",
    ]
    assert [piece.text for piece in pieces if not piece.copy] == ["The", "won", "and", "on", "May"]
    assert [piece.text for piece in cut_facts("B2B in 4K", {}) if piece.copy] == [
        "B2B",
        " ",
        " ",
        "4K",
    ]


@given(st.text(alphabet="ab 12.,€", max_size=60))
def test_a_cut_sentence_has_the_same_numbers_and_none_is_left_to_translate(text: str) -> None:
    pieces = cut_facts(text, {})
    assert "".join(piece.text for piece in pieces) == text
    assert all(piece.copy or not facts(piece.text) for piece in pieces)


@pytest.mark.parametrize(
    ("source", "translated", "faithful"),
    [
        ("1,000.50 at 10:30", "1.000,50 um 10.30 Uhr", True),
        ("two of 3", "2 von 3", False),
        ("3 cats", "Katzen", False),
        ("The team won", "Das Team gewann", False),
        ("The team won", "Die Mannschaft gewann", True),
        ("The team and the Team", "Die Mannschaft", False),
        ("steam engine", "Dampfmaschine", True),
    ],
)
def test_what_counts_as_faithful(source: str, translated: str, faithful: bool) -> None:
    assert is_faithful(source, translated, {"team": "Mannschaft"}) is faithful


def test_numbers_that_nobody_gave_are_taken_out() -> None:
    assert without_numbers("etwa 12 Stück") == "etwa Stück"
    assert without_numbers("ein  Dutzend") == "ein  Dutzend"
