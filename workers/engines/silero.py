"""Is there speech? The Silero detector on ONNX Runtime (workers/models/silero)."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from workers.core.endpoint import FRAME_SAMPLES

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
        self._session = onnxruntime.InferenceSession(
            MODEL, one_thread(), providers=["CPUExecutionProvider"]
        )

    def step(self, state: SpeechState, frame: Samples) -> tuple[float, SpeechState]:
        """The probability that a frame of 512 samples (16 kHz) holds speech."""
        assert frame.shape == (FRAME_SAMPLES,)
        audio: Floats = np.concatenate((state.context, frame / np.float32(32768)))
        inputs = {"input": audio[np.newaxis], "h": state.hidden, "c": state.cell}
        probability, hidden, cell = self._session.run(None, inputs)
        return float(probability[0]), SpeechState(hidden, cell, audio[-CONTEXT_SAMPLES:])


def one_thread() -> onnxruntime.SessionOptions:
    """One thread that never spins (design: models, section 1)."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options
