"""Is there speech? The Silero detector on ONNX Runtime (workers/models/silero)."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from workers.core.endpoint import FRAME_SAMPLES
from workers.engines.onnx import open_graph

MODEL = Path(__file__).parents[1] / "models" / "silero" / "silero_vad_v6.onnx"
CONTEXT_SAMPLES = 64
HIDDEN = (1, 1, 128)

Samples = NDArray[np.int16]
Floats = NDArray[np.float32]


class SpeechState(NamedTuple):
    """What the detector remembers of a stream: its recurrent state and the last 4 ms."""

    hidden: Floats
    cell: Floats
    context: Floats


EMPTY = SpeechState(
    np.zeros(HIDDEN, np.float32),
    np.zeros(HIDDEN, np.float32),
    np.zeros(CONTEXT_SAMPLES, np.float32),
)


class SpeechDetector:
    """One for all streams; states go in and come out.

    A run takes a single frame of a single stream: the model's first axis is time, and several
    frames in a run would save half of 0.1 ms a frame but tie results to how the audio was cut.
    """

    def __init__(self) -> None:
        self._session = open_graph(MODEL)

    def step(self, state: SpeechState, frame: Samples) -> tuple[float, SpeechState]:
        """The probability that a frame of 512 samples (16 kHz) holds speech."""
        assert frame.shape == (FRAME_SAMPLES,)
        audio: Floats = np.concatenate((state.context, frame / np.float32(32768)))
        inputs = {"input": audio[np.newaxis], "h": state.hidden, "c": state.cell}
        probability, hidden, cell = self._session.run(None, inputs)
        return float(probability[0]), SpeechState(hidden, cell, audio[-CONTEXT_SAMPLES:])
