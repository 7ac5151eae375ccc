"""Is there speech? The Silero detector on ONNX Runtime (workers/models/silero)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from workers.core.endpoint import FRAME_SAMPLES
from workers.engines.onnx import open_graph

MODELS = Path(__file__).parents[1] / "models" / "silero"
CONTEXT_SAMPLES = 64
WIDTH = 128

Samples = NDArray[np.int16]
Floats = NDArray[np.float32]


class SpeechState(NamedTuple):
    """What the detector remembers of a stream [128]."""

    hidden: Floats
    cell: Floats


EMPTY = SpeechState(np.zeros(WIDTH, np.float32), np.zeros(WIDTH, np.float32))
NOTHING: Samples = np.zeros(CONTEXT_SAMPLES, np.int16)
"""What is before the first frame."""


class SpeechDetector:
    """One for all streams; states go in and come out.

    What a frame sounds like and what a stream remembers are two graphs: frames share a run of the
    first, streams a run of the second, and none changes another's numbers.
    """

    def __init__(self) -> None:
        self._features = open_graph(MODELS / "features.onnx")
        self._memory = open_graph(MODELS / "memory.onnx")

    def features(self, audio: Samples) -> Floats:
        """Of frames [n, 64 + 512], each behind the 64 samples before it: [n, width]."""
        assert audio.shape[1:] == (CONTEXT_SAMPLES + FRAME_SAMPLES,)
        (found,) = self._features.run(None, {"audio": audio / np.float32(32768)})
        return found  # type: ignore[no-any-return]

    def step(
        self, states: Sequence[SpeechState], features: Sequence[Floats]
    ) -> list[tuple[float, SpeechState]]:
        """The probability of speech in the next frame of each stream, and its state after it."""
        hidden, cell = (np.stack(each) for each in zip(*states, strict=True))
        inputs = {"features": np.stack(features), "hidden": hidden, "cell": cell}
        scores, *after = self._memory.run(None, inputs)
        probabilities = [1 / (1 + math.exp(-score)) for (score,) in scores.tolist()]
        return list(zip(probabilities, map(SpeechState, *after), strict=True))
