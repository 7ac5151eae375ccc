"""Which mark is behind each word, and its case: a small model on ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime

from workers.core.marks import Case, Mark
from workers.engines.formatting.vocabulary import CUT, END, read_vocabulary
from workers.engines.silero import one_thread

MODEL = Path(__file__).parents[2] / "models" / "punctuation"


class Tags(NamedTuple):
    """A mark and a case for each word."""

    marks: tuple[Mark, ...]
    cases: tuple[Case, ...]


class Tagger:
    """One for all streams; keeps nothing between segments."""

    def __init__(self, folder: Path = MODEL) -> None:
        self._vocabulary = read_vocabulary(folder / "words.txt.xz")
        self._session = onnxruntime.InferenceSession(
            folder / "tagger.onnx", one_thread(), providers=["CPUExecutionProvider"]
        )

    @property
    def forms(self) -> Mapping[str, str]:
        """Written forms of lower-case words whose capitals are not just their first letter's."""
        return self._vocabulary.forms

    def tag(self, words: Sequence[str], *, cut: bool) -> Tags:
        """The likeliest tags of a segment's lower-case words; `cut`: it ended in mid-speech."""
        encoded = self._vocabulary.encode(words, CUT if cut else END)
        inputs = {"ids": encoded.ids[np.newaxis], "habits": encoded.habits[np.newaxis]}
        marks, cases = (scores[0, 1:-1].argmax(-1) for scores in self._session.run(None, inputs))
        return Tags(tuple(map(Mark, marks.tolist())), tuple(map(Case, cases.tolist())))
