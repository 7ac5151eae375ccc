"""Which mark is behind each word, and its case: a small model on ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from workers.core.silences import Scores
from workers.engines.formatting.vocabulary import CUT, END, read_vocabulary
from workers.engines.onnx import open_graph

MODEL = Path(__file__).parents[2] / "models" / "punctuation"


class Tags(NamedTuple):
    """Log-probs of marks [words, 4] and cases [words, 3] (core/marks.py)."""

    marks: Scores
    cases: Scores


class Tagger:
    """One for all streams; keeps nothing between segments."""

    def __init__(self, folder: Path = MODEL) -> None:
        self._vocabulary = read_vocabulary(folder / "words.txt.xz")
        self._session = open_graph(folder / "tagger.onnx")

    @property
    def forms(self) -> Mapping[str, str]:
        """Written forms of lower-case words whose capitals are not just their first letter's."""
        return self._vocabulary.forms

    def tag(self, words: Sequence[str], *, cut: bool) -> Tags:
        """Of a segment's lower-case words; `cut`: it ended in mid-speech."""
        encoded = self._vocabulary.encode(words, CUT if cut else END)
        inputs = {"ids": encoded.ids[np.newaxis], "habits": encoded.habits[np.newaxis]}
        marks, cases = self._session.run(None, inputs)
        return Tags(marks[0, 1:-1], cases[0, 1:-1])
