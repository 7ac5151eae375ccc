"""Long texts in windows that overlap, so that no phrase is lost between two of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from workers.engines.cascade_pieces import Pieces

OVERLAP_WORDS = 8
LONGEST_WORD = 64
"""Characters of a word; a longer one is cut, so that any text can be."""


class Window(NamedTuple):
    """A part of a reading, and its pieces."""

    text: str
    pieces: Sequence[int]


def cut(reading: str, pieces: Pieces, most: int) -> list[Window]:
    """At least one window, each of at most `most` pieces; every word is in one."""
    whole = pieces.encode(reading)
    if len(whole) <= most:
        return [Window(reading, whole)]
    return list(_windows([(word, pieces.encode(word)) for word in _words(reading)], most))


def _windows(words: Sequence[tuple[str, list[int]]], most: int) -> Iterator[Window]:
    """Each begins OVERLAP_WORDS before the last one's end, but later than the last one began."""
    begin = end = 0
    while end < len(words):
        count, end = 0, begin
        while end < len(words) and count + len(words[end][1]) <= most:
            count += len(words[end][1])
            end += 1
        inside = words[begin:end]
        yield Window(" ".join(w for w, _ in inside), [p for _, found in inside for p in found])
        begin = max(end - OVERLAP_WORDS, begin + 1 + (end - begin) // 2)


def _words(reading: str) -> Iterator[str]:
    for word in reading.split(" "):
        for begin in range(0, len(word), LONGEST_WORD):
            yield word[begin : begin + LONGEST_WORD]
