"""Words as numbers for the punctuation model."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from workers.engines.formatting import vocabulary
from workers.engines.formatting.vocabulary import (
    CUT,
    END,
    ENDINGS,
    IDS,
    NUMBER,
    OWN,
    SPECIAL,
    START,
    UNKNOWN_HABIT,
    Vocabulary,
    read_vocabulary,
    write_vocabulary,
)

ENTRIES = [("the", 1, ""), ("london", 6, ""), ("o'brien", 6, "O'Brien"), ("nato", 7, "")]
KNOWN = Vocabulary(ENTRIES)


def test_a_segment_stands_between_its_special_tokens() -> None:
    encoded = KNOWN.encode(["the", "london"], CUT)
    assert encoded.ids.tolist() == [START, SPECIAL, SPECIAL + 1, CUT]
    assert encoded.habits.tolist() == [UNKNOWN_HABIT, 1, 6, UNKNOWN_HABIT]


def test_numbers_are_all_the_same() -> None:
    assert {KNOWN.id_of(word) for word in ("1984", "$5", "21st", "7 p.m.", "50%")} == {NUMBER}


def test_rare_words_that_end_alike_are_alike() -> None:
    rare = Vocabulary([*((f"w{i}", 0, "") for i in range(OWN)), ("running", 1, "")])
    assert rare.id_of("running") == rare.id_of("slipping") >= SPECIAL + OWN
    assert rare.habit_of("running") == 1


def test_an_owner_lends_its_habit() -> None:
    assert (KNOWN.habit_of("london's"), KNOWN.habit_of("nobody's")) == (6, UNKNOWN_HABIT)


def test_a_file_gives_back_what_was_written(tmp_path: Path) -> None:
    write_vocabulary(tmp_path / "words.txt.xz", ENTRIES)
    read = read_vocabulary(tmp_path / "words.txt.xz")
    words = [word for word, _, _ in ENTRIES]
    assert read.encode(words, END).ids.tolist() == KNOWN.encode(words, END).ids.tolist()
    assert read.encode(words, END).habits.tolist() == KNOWN.encode(words, END).habits.tolist()
    assert read.forms == {"o'brien": "O'Brien"}


@given(st.lists(st.text(min_size=1, max_size=20), max_size=10))
def test_any_words_have_numbers_that_the_model_knows(words: list[str]) -> None:
    encoded = KNOWN.encode(words, END)
    assert len(encoded.ids) == len(encoded.habits) == len(words) + 2
    assert all(0 <= number < IDS for number in encoded.ids.tolist())
    assert all(0 <= habit < vocabulary.HABITS for habit in encoded.habits.tolist())
    assert IDS == SPECIAL + OWN + ENDINGS
