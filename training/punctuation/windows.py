"""Segments as a recogniser would hand them over, cut from running text."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from workers.core.marks import Mark
from workers.engines.formatting.vocabulary import CUT, END, PAD, START, UNKNOWN_HABIT

from .prepare import Words

LENGTHS = (8, 16, 32, 64)
LENGTH_SHARES = (0.15, 0.25, 0.35, 0.25)
SENTENCE_START = 0.8
ENDINGS = ("sentence", "comma", "hesitation", "cut")
ENDING_SHARES = (0.7, 0.08, 0.07, 0.15)
"""Where segments end: silence mostly follows a sentence, sometimes a comma or any word; the
longest length cuts anywhere."""

IGNORED = -100


class Batch(NamedTuple):
    """int64 [segments, words + 2]; `marks` and `cases` are IGNORED where there is no word."""

    ids: NDArray[np.int64]
    habits: NDArray[np.int64]
    marks: NDArray[np.int64]
    cases: NDArray[np.int64]

    @property
    def words(self) -> int:
        return int((self.marks != IGNORED).sum())


class Windows:
    """Draws segments from several texts, each as often as its share says."""

    def __init__(self, texts: dict[str, Words], shares: dict[str, float], seed: int) -> None:
        self._texts = [_Text(texts[name]) for name in shares]
        self._shares = list(shares.values())
        self._random = np.random.default_rng(seed)

    def batches(self, batch_words: int) -> Iterator[Batch]:
        """Without end; all segments of a batch are about as long."""
        while True:
            length = int(self._random.choice(LENGTHS, p=LENGTH_SHARES))
            yield self.batch(length, batch_words // length)

    def batch(self, length: int, count: int) -> Batch:
        """`count` segments of at most `length` words."""
        batch = _empty(count, length)
        for row in range(count):
            text = self._texts[self._random.choice(len(self._texts), p=self._shares)]
            self._fill(batch, row, text, length)
        return batch

    def _fill(self, batch: Batch, row: int, text: "_Text", length: int) -> None:
        start, stop, last = text.draw(self._random, length)
        size = stop - start
        batch.ids[row, 0] = START
        batch.ids[row, size + 1] = last
        for target, source in zip(batch, text.words, strict=True):
            target[row, 1 : size + 1] = source[start:stop]


class _Text:
    """Running text and where its sentences and commas end."""

    def __init__(self, words: Words) -> None:
        self.words = words
        stops = (words.marks == Mark.STOP) | (words.marks == Mark.QUESTION)
        self._sentences = np.flatnonzero(stops) + 1
        self._commas = np.flatnonzero(words.marks == Mark.COMMA) + 1

    def draw(self, random: np.random.Generator, length: int) -> tuple[int, int, int]:
        """First word, the one behind the last, and the special token at the end."""
        room = len(self.words.ids) - length
        start = int(random.integers(room))
        if random.random() < SENTENCE_START:
            at = int(np.searchsorted(self._sentences, start))
            start = int(self._sentences[min(at, len(self._sentences) - 1)])
            start = min(start, room)
        size = int(random.integers(length // 2, length + 1))
        ending = random.choice(ENDINGS, p=ENDING_SHARES)
        if ending == "cut":
            return start, start + size, CUT
        borders = {"sentence": self._sentences, "comma": self._commas}.get(ending)
        return *_span(borders, start, size), END


def _span(borders: NDArray[np.int64] | None, start: int, size: int) -> tuple[int, int]:
    """Up to the last border within `size` words of `start`; else the words before the next one.

    Without borders just `size` words.
    """
    if borders is None or not len(borders):
        return start, start + size
    at = int(np.searchsorted(borders, start + size, side="right"))
    if at and borders[at - 1] > start:
        return start, int(borders[at - 1])
    stop = int(borders[min(at, len(borders) - 1)])
    return max(0, stop - size), stop


def _empty(count: int, length: int) -> Batch:
    shape = (count, length + 2)
    return Batch(
        np.full(shape, PAD),
        np.full(shape, UNKNOWN_HABIT),
        np.full(shape, IGNORED),
        np.full(shape, IGNORED),
    )
