"""Recorded speech for tests: two of the demo's readers with silence around them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import av
import numpy as np

DEMO = Path(__file__).parents[2] / "stream" / "demo"
READINGS = ("2136-5147-0025", "3242-8112-0031")
PAUSE = np.zeros(20_000, np.int16)


@cache
def read_speech() -> bytes:
    """Some fifteen seconds, 16 kHz mono s16le: pause, speech, pause, speech, pause."""
    parts = [PAUSE]
    for name in READINGS:
        parts += [read_recording(DEMO / f"{name}.opus"), PAUSE]
    return np.concatenate(parts).tobytes()


def read_recording(path: Path) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    with av.open(path) as container:
        resampler = av.AudioResampler("s16", "mono", 16_000)
        frames = [*container.decode(audio=0), None]
        blocks = [block.to_ndarray()[0] for frame in frames for block in resampler.resample(frame)]
    return np.concatenate(blocks)
