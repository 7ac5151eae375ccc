"""The draft: a linear classifier over hashed pieces of a text's bytes, in tens of microseconds.

Features are spans of the reading (3 to 5 bytes, words, pairs of words), each hashed to a row of a
table of weights (Weinberger et al., 2009; spans as in Joulin et al., 2016). The hash of a span is
the difference of two prefix sums, so that all of a text's spans cost a few passes of numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

MOST_BYTES = 2048
GRAMS = (3, 4, 5)
ROW_BITS = 17
_SPACE = 32
_BASE = 0x9E3779B97F4A7C15 | 1
_MIX = np.uint64(0xBF58476D1CE4E5B9)

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


def _powers(base: int) -> npt.NDArray[np.uint64]:
    found, power = [], 1
    for _ in range(MOST_BYTES + 3):
        found.append(power)
        power = power * base % 2**64
    return np.array(found, np.uint64)


_POWERS = _powers(_BASE)
_INVERSES = _powers(pow(_BASE, -1, 2**64))


def rows_of(reading: str) -> Rows:
    """The table's rows for a reading's features; at least one."""
    letters = np.frombuffer(f" {reading} ".encode(errors="replace")[: MOST_BYTES + 2], np.uint8)
    values = np.concatenate(([0], letters)).astype(np.uint64)
    sums = np.cumsum(values * _POWERS[: len(values)], dtype=np.uint64)
    begins, ends = _spans(letters)
    hashes = (sums[ends] - sums[begins]) * _INVERSES[begins]
    hashes = (hashes ^ (hashes >> np.uint64(29))) * _MIX
    return (hashes >> np.uint64(64 - ROW_BITS)).astype(np.int64)


def _spans(letters: npt.NDArray[np.uint8]) -> tuple[Rows, Rows]:
    """Where features begin and end. A word's span holds the spaces around it."""
    count = len(letters)
    spaces = np.flatnonzero(letters == _SPACE)
    begins = [np.arange(max(0, count - n + 1)) for n in GRAMS]
    ends = [begin + n for begin, n in zip(begins, GRAMS, strict=True)]
    begins += [spaces[:-1], spaces[:-2]]
    ends += [spaces[1:] + 1, spaces[2:] + 1]
    return np.concatenate(begins), np.concatenate(ends)


class Draft(NamedTuple):
    """Weights [2**ROW_BITS, labels] in 8 bits, a scale and a bias for each label."""

    table: npt.NDArray[np.int8]
    scale: Floats
    bias: Floats

    def score(self, readings: Sequence[str]) -> Floats:
        """[texts, labels], each 0 to 1."""
        logits = np.empty((len(readings), len(self.scale)), np.float32)
        for row, reading in zip(logits, readings, strict=True):
            rows = rows_of(reading)
            total = self.table[rows].sum(0, dtype=np.int32)
            row[:] = total * self.scale / np.float32(np.sqrt(len(rows))) + self.bias
        return sigmoid(logits)


def sigmoid(logits: Floats) -> Floats:
    return (1 / (1 + np.exp(-np.clip(logits, -30, 30)))).astype(np.float32)


def read_draft(path: Path) -> Draft:
    with np.load(path, allow_pickle=False) as arrays:
        return Draft(arrays["table"], arrays["scale"], arrays["bias"])
