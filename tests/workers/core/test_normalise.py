"""What a reader sees is what a word list is held against."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.normalise import Normaliser, is_dragged, runs_of
from workers.engines.rules import read_confusables

NORMALISER = Normaliser(read_confusables())


@pytest.mark.parametrize(
    ("written", "skeleton"),
    [
        ("Hello, World!", " hello world "),
        ("", " "),
        ("... !", " "),
        ("snake_case", " snake case "),
        ("ｗｉｄｅ", " wide "),
        ("𝖋𝖗𝖆𝖐𝖙𝖚𝖗", " fraktur "),
        ("zero\u200bwidth", " zerowidth "),
        ("\u202ebidi\u202c", " bidi "),
        ("soft\u00adhyphen", " softhyphen "),
        ("раура1", " paypa1 "),
        ("STRASSE", " strasse "),
        ("Straße", " strasse "),
        ("z̷a̸l̵g̶o̴", " zalgo "),
        ("año", " año "),
        ("an\u0303o", " año "),
        ("你好 there", " 你 好 there "),
    ],
)
def test_a_skeleton(written: str, skeleton: str) -> None:
    assert NORMALISER.skeleton(written) == skeleton


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("h3ll0", " hello "),
        ("$treet", " street "),
        ("cl1ck", " click "),
        ("c1ick", " click "),
        ("fúdge", " fudge "),
    ],
)
def test_a_disguise_is_one_of_the_spellings(written: str, read: str) -> None:
    assert read in NORMALISER.spellings(written).skeletons


def test_plain_text_has_one_spelling() -> None:
    assert NORMALISER.spellings("Just a day in 2024.").skeletons == (" just a day in 2024 ",)


@pytest.mark.parametrize(
    ("written", "spaced"),
    [
        ("s e c r e t", ("secret",)),
        ("say s.e.c.r.e.t now", ("secret",)),
        ("s-e-c plus a_b_c", ("sec", "abc")),
        ("I am a b", ()),
        ("a b cd", ()),
    ],
)
def test_letters_apart_are_put_together(written: str, spaced: tuple[str, ...]) -> None:
    assert NORMALISER.spellings(written).spaced == spaced


@pytest.mark.parametrize(
    ("text", "phrase", "same"),
    [
        ("cool", "cool", True),
        ("coooool", "cool", True),
        ("coool", "col", True),
        ("cool", "col", False),
        ("col", "cool", False),
        ("ccccoooolll", "cool", True),
    ],
)
def test_a_dragged_letter_counts_as_its_own(text: str, phrase: str, *, same: bool) -> None:
    assert runs_of(text).letters == runs_of(phrase).letters
    assert runs_of(text).covers(runs_of(phrase), 0) is same


def test_a_text_is_dragged_from_three_letters_on() -> None:
    assert [is_dragged(text) for text in ("too", "tooo", "1000", "a   b")] == [
        False, True, False, False,
    ]  # fmt: skip


@given(st.text())
def test_a_skeleton_is_words_between_single_spaces_and_stays_as_it_is(text: str) -> None:
    skeleton = NORMALISER.skeleton(text)
    assert skeleton == f" {' '.join(skeleton.split())} ".replace("  ", " ")
    assert NORMALISER.skeleton(skeleton) == skeleton


@given(st.text())
def test_runs_lose_nothing(text: str) -> None:
    runs = runs_of(text)
    assert "".join(c * n for c, n in zip(runs.letters, runs.lengths, strict=True)) == text
    assert runs.covers(runs, 0)


def test_a_character_that_stands_for_a_phrase_is_a_space() -> None:
    normaliser = Normaliser({})
    assert normaliser.fold("a\ufdfab") == "a b"
    assert normaliser.fold("\u2177") == "viii"


@given(st.text(max_size=200))
def test_folding_makes_a_text_little_longer(text: str) -> None:
    assert len(Normaliser({}).fold(text)) <= 4 * len(text)
