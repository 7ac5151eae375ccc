"""The encoder: pieces in, scores out, by ONNX Runtime on one thread."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from workers.engines.cascade_pieces import BEGIN, END

MOST_PIECES = 62
"""Of a window, without begin and end."""

Floats = npt.NDArray[np.float32]


class Encoder:
    """A graph with `pieces` [1, T] int64 -> `scores` [1, labels]."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )

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
