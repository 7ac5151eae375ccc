"""A finished segment's spoken words as people write them: numbers, then punctuation and case."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from stream.core.messages import Word
from workers.core.marks import write_words
from workers.engines.formatting.numerals import write_numbers
from workers.engines.formatting.tagger import Tagger

Write = Callable[[Sequence[Word]], tuple[Word, ...]]

CUT_S = 18.5
"""Segments of this length ended at their longest length (20 s), not in a silence."""


def make_formatter(*, verbatim: bool = False) -> Write:
    """Loads the model, once for all streams; `verbatim` leaves words as they were spoken.

    What it returns takes a segment's words in lower case and gives them back written: fewer where
    numbers were merged, each with its mark, in the same order.
    """
    if verbatim:
        return tuple
    tagger = Tagger()

    def write(words: Sequence[Word]) -> tuple[Word, ...]:
        return write_segment(tagger, words)

    return write


def write_segment(tagger: Tagger, words: Sequence[Word]) -> tuple[Word, ...]:
    """The words of one segment, written."""
    if not words:
        return ()
    cut = words[-1].end - words[0].start >= CUT_S
    numbered = write_numbers(words)
    spoken = [word.word for word in numbered]
    tags = tagger.tag([word.lower() for word in spoken], cut=cut)
    written = write_words(spoken, tags.marks, tags.cases, tagger.forms)
    return tuple(
        msgspec.structs.replace(word, word=text)
        for word, text in zip(numbered, written, strict=True)
    )
