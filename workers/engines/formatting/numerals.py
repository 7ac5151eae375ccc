"""Spoken numbers as digits: text2num (MIT) finds them, core/figures.py says which are safe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from text_to_num import find_numbers

from stream.core.messages import Word
from workers.core.figures import Number, write_run

PAUSE_S = 0.5
"""Numbers this far apart may be one or two: both stay words."""

NOUGHTS = frozenset(("o", "oh"))
PLURALS = frozenset(("hundreds", "thousands", "millions", "billions"))


def write_numbers(words: Sequence[Word]) -> tuple[Word, ...]:
    """The words, with safe numbers as digits.

    A merged word starts with its first, ends with its last and is as sure as its least sure one.
    """
    spoken = [word.word for word in words]
    written, at = list[Word](), 0
    for run in _runs(words, spoken):
        figures = write_run(run, spoken)
        if figures is None or figures.start < at:
            continue
        written += words[at : figures.start]
        written.append(_merge(words[figures.start : figures.end], figures.text))
        at = figures.end
    return (*written, *words[at:])


class _Token:
    """A word as text2num asks for it; to it `o` is a nought, and `oh` is one here too."""

    def __init__(self, words: Sequence[Word], at: int) -> None:
        self._words = words
        self._at = at

    def text(self) -> str:
        word = self._words[self._at].word
        return "zero" if word in NOUGHTS else word

    def nt_separated(self, previous: _Token) -> bool:
        return _pause_before(self._words, self._at)

    def not_a_number_part(self) -> bool:
        return self._words[self._at].word in PLURALS


def _runs(words: Sequence[Word], spoken: Sequence[str]) -> Iterator[list[Number]]:
    """Numbers side by side, if no pause is between them."""
    run = list[Number]()
    for number in (*_numbers(words, spoken), None):
        if run and (number is None or run[-1].end < number.start):
            if not any(_pause_before(words, later.start) for later in run[1:]):
                yield run
            run = []
        if number is not None:
            run.append(number)


def _numbers(words: Sequence[Word], spoken: Sequence[str]) -> Iterator[Number]:
    tokens = [_Token(words, at) for at in range(len(words))]
    for found in find_numbers(tokens, "en", threshold=0):
        if not NOUGHTS.issuperset(spoken[found.start : found.end]):
            yield Number(found.start, found.end, found.text, found.value, found.is_ordinal)


def _pause_before(words: Sequence[Word], at: int) -> bool:
    return at > 0 and words[at].start - words[at - 1].end > PAUSE_S


def _merge(words: Sequence[Word], text: str) -> Word:
    confidence = min(word.confidence for word in words)
    return msgspec.structs.replace(words[0], word=text, end=words[-1].end, confidence=confidence)
