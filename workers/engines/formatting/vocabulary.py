"""Which numbers stand for a segment's words in the punctuation model.

The file is xz-compressed text, a line a word, commonest first: the word, its habit (a digit) and,
where a capital is not just its first letter's (O'Brien), its written form, with tabs between. The
first `OWN` words have an embedding of their own; others share one with those that end like them.
"""

from __future__ import annotations

import lzma
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

PAD, START, END, CUT, NUMBER = range(5)
"""Nothing; before the first word; after the last, when silence ended the segment, or when its
longest length did; anything with a digit."""

SPECIAL = 5
OWN = 20_000
ENDINGS = 1_024
IDS = SPECIAL + OWN + ENDINGS
ENDING_LETTERS = 3

UNKNOWN_HABIT = 0
HABITS = 8
"""How often a word has a capital inside a sentence, from hardly ever (1) to always (6); 7: it is
written in capitals throughout; 0: not known."""


class Encoded(NamedTuple):
    """Words as the model takes them, with a first and a last special token: int64 [n + 2]."""

    ids: NDArray[np.int64]
    habits: NDArray[np.int64]


class Vocabulary:
    """Words, their habits and written forms."""

    def __init__(self, entries: Sequence[tuple[str, int, str]]) -> None:
        """`entries`: word, habit, written form or ""; commonest first."""
        self._rank = {word: rank for rank, (word, _, _) in enumerate(entries)}
        self._habits = {word: habit for word, habit, _ in entries}
        self.forms = {word: form for word, _, form in entries if form}

    def encode(self, words: Sequence[str], end: int) -> Encoded:
        """Of lower-case words; `end` is END or CUT."""
        ids = [START, *map(self.id_of, words), end]
        habits = [UNKNOWN_HABIT, *map(self.habit_of, words), UNKNOWN_HABIT]
        return Encoded(np.array(ids, np.int64), np.array(habits, np.int64))

    def id_of(self, word: str) -> int:
        rank = self._rank.get(word, OWN)
        if rank < OWN:
            return SPECIAL + rank
        if any(map(str.isdigit, word)):
            return NUMBER
        ending = word[-ENDING_LETTERS:].encode()
        return SPECIAL + OWN + crc32(ending) % ENDINGS

    def habit_of(self, word: str) -> int:
        """A possessive has the habit of its owner."""
        habit = self._habits.get(word)
        if habit is None:
            habit = self._habits.get(word.removesuffix("'s"), UNKNOWN_HABIT)
        return habit


def read_vocabulary(path: Path) -> Vocabulary:
    """From the file that `write_vocabulary` wrote."""
    lines = lzma.decompress(path.read_bytes()).decode().splitlines()
    return Vocabulary([_entry(line) for line in lines])


def write_vocabulary(path: Path, entries: Sequence[tuple[str, int, str]]) -> None:
    """Entries as `Vocabulary` takes them."""
    lines = ("\t".join(filter(None, (word, str(habit), form))) for word, habit, form in entries)
    path.write_bytes(lzma.compress("".join(f"{line}\n" for line in lines).encode(), preset=9))


def _entry(line: str) -> tuple[str, int, str]:
    word, habit, *form = line.split("\t")
    return word, int(habit), form[0] if form else ""
