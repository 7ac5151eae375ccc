"""Words with times -> cues: what stands on a screen, in which lines, from when to when.

At most two lines of 42 characters and 7 seconds, at least a second and a character every 1/17
second where what follows leaves room (Netflix Timed Text Style Guide, English, sections 1, 7, 12
and 13; BBC Subtitle Guidelines 1.2). Cues end at sentences, clauses and pauses where they can.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

import msgspec

from stream.core.messages import Word

LINE_CHARACTERS = 42
LINES = 2
LONGEST_S = 7.0
SHORTEST_S = 1.0
CHARACTERS_PER_S = 17.0
FLASH_S = 0.3
"""No cue is shorter, whatever follows; the next one waits for it."""

APART_S = 2.0
"""Words this far apart never share a cue."""

SENTENCE_ENDS = (".", "?", "!")
CLAUSE_ENDS = (",", ";", ":", "—", "…")
LEANING = frozenset(
    "a an the of to in on at by for with from and or but nor that which who as if than is are was "
    "were be been my your his her its our their this these those i he she we they you it not no"
    " mr. mrs. dr.".split()
)
"""Words that lean on what follows: no line should end with them."""


class Cue(NamedTuple):
    """Text on the screen from `start` to `end`, in seconds."""

    start: float
    end: float
    lines: tuple[str, ...]


def cues_of(words: Sequence[Word]) -> Iterator[Cue]:
    """The words of one final as cues; each word is in one of them, in order."""
    row = _Row(tuple(_breakable(words)))
    at = 0
    while at < len(row.words):
        end = row.best_end(at)
        yield row.cue(at, end)
        at = end


def in_turn(cues: Sequence[Cue]) -> list[Cue]:
    """Cues in order of their starts, none overlapping another, on whole milliseconds."""
    starts, earliest = [], 0.0
    for cue in cues:
        starts.append(max(earliest, round(cue.start, 3)))
        earliest = round(starts[-1] + FLASH_S, 3)
    placed = [
        cue._replace(start=start, end=_end(start, cue))
        for cue, start in zip(cues, starts, strict=True)
    ]
    clipped = [a._replace(end=min(a.end, b.start)) for a, b in pairwise(placed)]
    return clipped + placed[-1:]


def _end(start: float, cue: Cue) -> float:
    """Late enough to be read; the next cue may ask for less."""
    characters = sum(map(len, cue.lines)) + len(cue.lines) - 1
    needed = max(SHORTEST_S, characters / CHARACTERS_PER_S)
    return round(min(start + LONGEST_S, max(cue.end, start + needed)), 3)


def _breakable(words: Sequence[Word]) -> Iterator[Word]:
    """No word is longer than a line."""
    for word in words:
        for at in range(0, len(word.word), LINE_CHARACTERS):
            part = word.word[at : at + LINE_CHARACTERS].strip()
            yield msgspec.structs.replace(word, word=part)


class _Row:
    """The words of a final and where they may be broken; lengths of texts by subtraction."""

    def __init__(self, words: tuple[Word, ...]) -> None:
        self.words = words
        self._ends = list(accumulate((len(word.word) + 1 for word in words), initial=0))
        self._quality = [self._break_quality(i) for i in range(1, len(words) + 1)]

    def cue(self, start: int, end: int) -> Cue:
        words = self.words[start:end]
        return Cue(words[0].start, max(word.end for word in words), self._lines(start, end))

    def best_end(self, start: int) -> int:
        """Where the cue that begins at word `start` best ends, behind one word at least."""
        last = self._last_end(start)
        return max(range(start + 1, last + 1), key=lambda end: self._score(start, end))

    def _last_end(self, start: int) -> int:
        """The most words that fit in lines and time, without a long silence among them."""
        most = self._fill(self._fill(start))
        limit = self.words[start].start + LONGEST_S
        for end in range(start + 1, most):
            apart = self.words[end].start - self.words[end - 1].end >= APART_S
            if apart or self.words[end].end > limit:
                return end
        return most

    def _score(self, start: int, end: int) -> float:
        """Full cues that end well; a short rest would have to be read in a hurry."""
        fullness = self._length(start, end) / (LINES * LINE_CHARACTERS)
        rest = self._length(end, len(self.words))
        short_rest = 0 < rest < LINE_CHARACTERS / 2
        hurried = self._time_until(start, end) < SHORTEST_S
        return fullness + self._quality[end - 1] - 0.7 * short_rest - 1.5 * hurried

    def _time_until(self, start: int, end: int) -> float:
        """How long a cue of these words could stand."""
        if end == len(self.words):
            return LONGEST_S
        return self.words[end].start - self.words[start].start

    def _break_quality(self, end: int) -> float:
        """How well a cue or a line ends behind the word before `end`: 0 to 1, less if it leans."""
        if end == len(self.words):
            return 1.0
        word = self.words[end - 1]
        silence = min(0.7, max(0.0, self.words[end].start - word.end))
        if word.word.endswith(SENTENCE_ENDS) and word.word.lower() not in LEANING:
            return 1.0
        if word.word.endswith(CLAUSE_ENDS):
            return max(0.5, silence)
        return silence - (0.3 if word.word.lower() in LEANING else 0.0)

    def _lines(self, start: int, end: int) -> tuple[str, ...]:
        if self._length(start, end) <= LINE_CHARACTERS:
            return (self._text(start, end),)
        middle = max(self._middles(start, end), key=lambda at: self._line_score(start, at, end))
        return self._text(start, middle), self._text(middle, end)

    def _middles(self, start: int, end: int) -> range:
        """Where a second line may begin, so that both fit."""
        first = next(at for at in range(start + 1, end) if self._fill(at) >= end)
        return range(first, self._fill(start) + 1)

    def _line_score(self, start: int, at: int, end: int) -> float:
        """Lines that are about as long, the upper one shorter, broken where the sense is."""
        upper, lower = self._length(start, at), self._length(at, end)
        return self._quality[at - 1] - abs(upper - lower) / LINE_CHARACTERS - 0.1 * (upper > lower)

    def _fill(self, start: int) -> int:
        """The end of the longest line that begins at word `start`."""
        return bisect_right(self._ends, self._ends[start] + LINE_CHARACTERS + 1) - 1

    def _length(self, start: int, end: int) -> int:
        return max(0, self._ends[end] - self._ends[start] - 1)

    def _text(self, start: int, end: int) -> str:
        return " ".join(word.word for word in self.words[start:end])
