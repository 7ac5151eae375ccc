"""The translation of a text that still grows: what to show of it, and which part is settled.

A new word at the source's end can change any word of a translation, mostly its last ones. So the
last few are held back until the text is final, and what two translations after each other agree on
is settled (Arivazhagan et al. 2020, "Re-translation versus streaming"; Liu et al. 2020, local
agreement). The final goes on behind what was settled, but for what rests on words that the source
has taken back.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from workers.core.pieces import cut

HELD_BACK = 6
_WORD = re.compile(r"[\w']+")
_WITHOUT_SPACES = frozenset({"ja", "km", "lo", "my", "th", "zh"})


class Shown(NamedTuple):
    """A text to show, and how many of its leading code points are settled."""

    text: str
    stable: int


class Growth:
    """Of one segment in one language. What is settled stands in all that `revise` shows later;
    only `finish` may still correct it.

    `whole` is the last translation with the words that were held back.
    `_grounds` are pairs: when so many words of the source were known, so many units were settled.
    """

    def __init__(self, language: str, held_back: int = HELD_BACK) -> None:
        self.shown = Shown("", 0)
        self.whole = ""
        self._gap = "" if language.partition("-")[0] in _WITHOUT_SPACES else " "
        self._held_back = held_back
        self._settled: list[str] = []
        self._former: list[str] = []
        self._source: list[str] = []
        self._grounds: list[tuple[int, int]] = []

    def revise(self, translation: str, source: str) -> Shown:
        """What to show of the translation of `source`, a text that goes on."""
        units = self._reconciled(self._units(translation))
        keep = max(len(self._settled), len(units) - self._held_back)
        words = _words(source)
        agreed = _common(units[:keep], self._former) if words != self._source else 0
        self._former, self.whole = units, self._gap.join(units)
        is_sound = self._follow(words)
        self._settled = units[: max(agreed, len(self._settled))]
        if is_sound:
            self._grounds.append((len(words), len(self._settled)))
        self.shown = Shown(self._gap.join(units[:keep]), len(self._gap.join(self._settled)))
        return self.shown

    def kept(self, source: str) -> int:
        """How many leading code points of `whole` the translation of the final text begins with.

        One of several sentences begins anew: what was settled knew nothing of their borders.
        """
        if sum(not piece.copy for piece in cut(source)) != 1:
            return 0
        known = _common(self._source, _words(source))
        settled = [count for words, count in self._grounds if words <= known]
        return len(self._gap.join(self._settled[: max(settled, default=0)]))

    def finish(self, translation: str) -> Shown:
        """The final text."""
        self.shown, self.whole = Shown(translation, len(translation)), translation
        return self.shown

    def _follow(self, words: list[str]) -> bool:
        """The source says so now; whether all that is settled rests on words that still stand."""
        known = _common(self._source, words)
        self._source = words
        self._grounds = [each for each in self._grounds if each[0] <= known]
        return len(self._settled) == max((count for _, count in self._grounds), default=0)

    def _reconciled(self, units: list[str]) -> list[str]:
        """The translation behind what has been settled, whatever it says there."""
        return [*self._settled, *units[len(self._settled) :]]

    def _units(self, text: str) -> list[str]:
        return text.split() if self._gap else [letter for letter in text if not letter.isspace()]


def erased(before: str, after: str) -> int:
    """Words of a shown text that the next one takes back."""
    former, newer = before.split(), after.split()
    return len(former) - _common(former, newer)


def _words(text: str) -> list[str]:
    """Without case and punctuation, which a final caption has and a partial one has not."""
    return _WORD.findall(text.lower())


def _common(one: list[str], other: list[str]) -> int:
    """How many leading units both have in common."""
    for place, (mine, theirs) in enumerate(zip(one, other, strict=False)):
        if mine != theirs:
            return place
    return min(len(one), len(other))
