"""A finished segment's spoken words as people write them: numbers, then punctuation and case."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from stream.core.messages import Word
from workers.core.marks import Case, Mark, write_words
from workers.core.silences import silences_of, weigh_marks
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
    return tuple if verbatim else Formatter(Tagger())


class Formatter:
    """Writes one segment at a time; the same words with the same times are written alike."""

    def __init__(self, tagger: Tagger) -> None:
        self._tagger = tagger

    def __call__(self, words: Sequence[Word]) -> tuple[Word, ...]:
        if not words:
            return ()
        numbered = write_numbers(words)
        written = self._write([word.word for word in numbered], numbered)
        return tuple(
            msgspec.structs.replace(word, word=text)
            for word, text in zip(numbered, written, strict=True)
        )

    def _write(self, spoken: Sequence[str], words: Sequence[Word]) -> Sequence[str]:
        cut = words[-1].end - words[0].start >= CUT_S
        tags = self._tagger.tag([word.lower() for word in spoken], cut=cut)
        silences = silences_of([word.start for word in words], [word.end for word in words])
        marks = weigh_marks(tags.marks, silences, cut=cut).argmax(-1).tolist()
        cases = tags.cases.argmax(-1).tolist()
        forms = self._tagger.forms
        return list(write_words(spoken, list(map(Mark, marks)), list(map(Case, cases)), forms))
