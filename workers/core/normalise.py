"""Text against obfuscation: what a reader sees, in spellings that a word list can be held against.

A skeleton is lower case, words between single spaces, with a space at both ends, so that a phrase
is found on word borders by looking for its own skeleton. Wide characters (Chinese, Japanese,
Korean) are words of their own. Every step is linear in the text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

LEET = {"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b", "9": "g"}
LEET |= {"@": "a", "$": "s", "!": "i", "|": "i", "+": "t", "€": "e", "£": "l", "¢": "c"}
_AS_I = str.maketrans(LEET)
_AS_L = str.maketrans(LEET | dict.fromkeys("1!|", "l"))
_SIGNS = "".join(map(re.escape, LEET))
_LEET_WORD = re.compile(rf"[^\W\d_][{_SIGNS}]|[{_SIGNS}][^\W\d_]")
_GAP = re.compile(r"[\W_]+")
_WIDE = re.compile(r"([\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff])")
_LETTER = r"[^\W\d_]"
_SPACED = re.compile(rf" ({_LETTER}(?: {_LETTER}){{2,}})(?= )")
_LONG = re.compile(r"([^\W\d_])\1\1")
_RUN = re.compile(r"(.)\1*", re.DOTALL)
MOST_EXPANDED = 4
"""Letters for one character: `viii` and `(10)` are that long."""


class Spellings(NamedTuple):
    """Skeletons of a text: as written, and (where that differs) without accents, digits and signs
    read as letters. `spaced` are words that were written l e t t e r by letter.
    """

    skeletons: tuple[str, ...]
    spaced: tuple[str, ...]


class Normaliser:
    """`confusables` maps letters to the Latin letter that they look like (Unicode UTS 39)."""

    def __init__(self, confusables: Mapping[str, str]) -> None:
        self._table = str.maketrans(dict(confusables) | dict.fromkeys(invisible(), None))
        self._long = str.maketrans(dict.fromkeys(expanding(), " "))

    def fold(self, text: str) -> str:
        """Compatibility forms, invisible characters and look-alikes gone; lower case, composed.

        A character that would become more than MOST_EXPANDED, as U+FDFA does, is a space.
        """
        if text.isascii():
            return text.casefold()
        short = text.translate(self._long)
        seen = unicodedata.normalize("NFKC", short).translate(self._table).casefold()
        # small Cherokee letters become capital ones, which may look Latin
        return unicodedata.normalize("NFKC", seen.translate(self._table))

    def skeleton(self, text: str) -> str:
        """Of a listed phrase, or of a text as it is written; a lone space when no word is in it."""
        return squash(without_marks(self.fold(text)))

    def spellings(self, text: str) -> Spellings:
        folded = self.fold(text)
        plain = without_accents(folded)
        forms = [without_marks(folded), plain]
        if _LEET_WORD.search(plain):
            forms += [plain.translate(_AS_I), plain.translate(_AS_L)]
        skeletons = tuple(dict.fromkeys(map(squash, forms)))
        spaced = (run.replace(" ", "") for form in skeletons for run in _SPACED.findall(form))
        return Spellings(skeletons, tuple(dict.fromkeys(spaced)))


@cache
def expanding() -> str:
    """Characters that stand for a phrase: 5,000 of them would be 90,000 letters.

    Nothing decomposes above the supplementary ideographs.
    """
    decomposed = (chr(c) for c in range(0x30000) if unicodedata.decomposition(chr(c)))
    return "".join(c for c in decomposed if len(unicodedata.normalize("NFKC", c)) > MOST_EXPANDED)


@cache
def invisible() -> str:
    """Format characters: zero-width, bidirectional controls, soft hyphen, tags; and selectors."""
    formats = (chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) == "Cf")
    return "".join(formats) + "".join(map(chr, range(0xFE00, 0xFE10))) + "\u034f\u115f\u3164"


def squash(text: str) -> str:
    """Anything that is neither letter nor digit becomes one space; one at both ends."""
    apart = text if text.isascii() else _WIDE.sub(r" \1 ", text)
    return _GAP.sub(" ", f" {apart} ")


def without_marks(text: str) -> str:
    """Combining marks gone that belong to no composed letter."""
    return text if text.isascii() else _drop_marks(text)


def without_accents(text: str) -> str:
    return text if text.isascii() else _drop_marks(unicodedata.normalize("NFD", text))


def _drop_marks(text: str) -> str:
    return "".join(c for c in text if not unicodedata.combining(c))


class Runs(NamedTuple):
    """A skeleton with each run of a letter as one, and how long each run was."""

    letters: str
    lengths: tuple[int, ...]

    def covers(self, phrase: Runs, begin: int) -> bool:
        """Whether a phrase whose letters stand at `begin` is this text's, save for dragged letters.

        A run is as long as the phrase's, or dragged: three or longer, and no shorter.
        """
        return all(
            (run := self.lengths[index]) == own or (run >= 3 and run > own)
            for index, own in enumerate(phrase.lengths, begin)
        )


def is_dragged(skeleton: str) -> bool:
    """Whether a letter stands three times in a row, which no listed word does."""
    return _LONG.search(skeleton) is not None


def runs_of(skeleton: str) -> Runs:
    found = [(match[1], len(match[0])) for match in _RUN.finditer(skeleton)]
    return Runs("".join(c for c, _ in found), tuple(n for _, n in found))
