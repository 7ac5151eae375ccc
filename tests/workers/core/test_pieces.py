"""Texts in pieces: nothing is lost, whatever a model makes of the sentences."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.pieces import LIMIT, MOST_ADDRESS, cut, cut_at, without_numbers


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


def test_line_breaks_and_emoji_are_copied_and_addresses_are_words_of_a_sentence() -> None:
    sentence = "See https://a.org/x?y=1&z=ü, or mail bob.b@ex-ample.co.uk (cc @ann, #live)."
    text = f"Hello 👩‍🚀!\n\n{sentence} #live @bob"
    assert copies(text) == ["👩‍🚀", "!", "#live @bob"]
    assert sentences(text) == ["Hello", sentence]
    assert "\n\n" in [piece.text for piece in cut(text)]


def test_an_address_that_is_no_word_is_copied() -> None:
    long = "https://a.org/" + "x" * MOST_ADDRESS
    assert copies(f"See {long} or a;www.b.org now") == [long, "www.b.org"]


@pytest.mark.parametrize("text", ["", " ", "\n\n", "123 456", "🙂🙂", "https://x.org", "?!"])
def test_what_has_no_word_is_not_translated(text: str) -> None:
    assert sentences(text) == []


def test_a_sentence_is_cut_at_spans_in_whose_place_copies_stand() -> None:
    pieces = cut_at("We met 3 cats.", [(7, 8, "drei")])
    assert "".join(piece.text for piece in pieces) == "We met drei cats."
    assert [piece.text for piece in pieces if not piece.copy] == ["We met", "cats."]


def test_numbers_that_nobody_gave_are_taken_out() -> None:
    assert without_numbers("etwa 12 Stück") == "etwa Stück"
    assert without_numbers("ein  Dutzend") == "ein  Dutzend"
