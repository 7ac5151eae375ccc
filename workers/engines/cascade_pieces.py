"""Words to pieces of words: WordPiece by the longest match first (Wu et al., 2016; BERT's form)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

PAD, UNKNOWN, BEGIN, END = range(4)
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
CONTINUES = "##"
LONGEST_WORD = 32
"""Longer words are cut: what hides in a very long word is still read."""

_WORD = re.compile(rf"[^\W_]{{1,{LONGEST_WORD}}}|[^\w\s]|_")
_REMEMBERED = 50_000


class Pieces:
    """A vocabulary, one piece a line of `vocab.txt`; the first four are special."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        if tuple(vocabulary[: len(SPECIAL)]) != SPECIAL:
            raise ValueError(f"vocabulary begins with {vocabulary[:4]}, expected {SPECIAL}")
        self._ids = {piece: number for number, piece in enumerate(vocabulary)}
        self._of_word = lru_cache(_REMEMBERED)(self._cut)

    def __len__(self) -> int:
        return len(self._ids)

    def words(self) -> list[str]:
        """Pieces that are words of more than one letter, in the vocabulary's order."""
        return [p for p in self._ids if p.isalpha() and len(p) > 1]

    def encode(self, text: str) -> list[int]:
        """Piece numbers of a text as `Reader.read` gives it, without begin and end.

        Unknown signs in a row are one: ten thousand emoji say no more than one.
        """
        found: list[int] = []
        for word in _WORD.findall(text):
            cut = self._of_word(word)
            if cut != (UNKNOWN,) or found[-1:] != [UNKNOWN]:
                found += cut
        return found

    def _cut(self, word: str) -> tuple[int, ...]:
        found, begin = [], 0
        while begin < len(word):
            end = self._longest(word, begin)
            if end == begin:
                return (UNKNOWN,)
            found.append(self._ids[CONTINUES * bool(begin) + word[begin:end]])
            begin = end
        return tuple(found)

    def _longest(self, word: str, begin: int) -> int:
        """The end of the longest piece that begins there; `begin` where there is none."""
        prefix = CONTINUES * bool(begin)
        ends = range(len(word), begin, -1)
        return next((end for end in ends if prefix + word[begin:end] in self._ids), begin)


def read_pieces(path: Path) -> Pieces:
    return Pieces(path.read_text(encoding="utf-8").splitlines())


def write_vocabulary(path: Path, pieces: Iterable[str]) -> None:
    path.write_text("".join(f"{piece}\n" for piece in pieces), encoding="utf-8")
