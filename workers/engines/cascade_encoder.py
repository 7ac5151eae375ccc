"""The encoder: pieces in, scores out, by ONNX Runtime on one thread."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from workers.engines.cascade_pieces import BEGIN, END
from workers.engines.onnx import open_graph

SLOWER = ("SkipLayerNormFusion",)
"""Its one kernel takes three times what an addition and a norm take apart: a fifth of a run."""

Floats = npt.NDArray[np.float32]


class Encoder:
    """A graph with `pieces` [1, T] int64 -> `scores` [1, labels]."""

    def __init__(self, path: Path) -> None:
        self._session = open_graph(path, without=SLOWER)

    def score(self, windows: Sequence[Sequence[int]]) -> Floats:
        """[windows, labels], each 0 to 1.

        One window a run: a run's activations share one scale, so in a batch a text's scores would
        depend on its neighbours. On one thread a batch would gain nothing (bench/LOG.md).
        """
        return np.concatenate([self._score(window) for window in windows])

    def _score(self, window: Sequence[int]) -> Floats:
        pieces = np.array([[BEGIN, *window, END]], np.int64)
        scores: Floats = self._session.run(["scores"], {"pieces": pieces})[0]
        return scores
