"""Log-mel energies, as the recogniser was trained on (training/captions/features.py).

Frame t covers 25 ms that end at sample (t+1)*160, so no frame waits for later audio.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from stream.core.records import SAMPLE_RATE

HOP_SAMPLES = 160
FRAME_MELS = 4
FRAME_SAMPLES = FRAME_MELS * HOP_SAMPLES
"""Of a frame of the recogniser: 40 ms."""

WINDOW_SAMPLES = 400
TAIL_SAMPLES = WINDOW_SAMPLES - HOP_SAMPLES
FFT = 512
MELS = 80
LOWEST_HZ, HIGHEST_HZ = 20.0, 7600.0
FLOOR = 1e-6

Floats = NDArray[np.float32]
Samples = NDArray[np.int16]


def mel_filters() -> Floats:
    """Triangles [FFT/2+1, MELS] of peak 1, evenly spaced on the HTK mel scale."""
    low, high = (2595.0 * np.log10(1.0 + hz / 700.0) for hz in (LOWEST_HZ, HIGHEST_HZ))
    edges = 700.0 * (10.0 ** (np.linspace(low, high, MELS + 2) / 2595.0) - 1.0)
    hz = np.linspace(0, SAMPLE_RATE / 2, FFT // 2 + 1)[:, None]
    rising = (hz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hz) / (edges[2:] - edges[1:-1])
    triangles: Floats = np.minimum(rising, falling).clip(min=0).astype(np.float32)
    return triangles


class LogMel:
    """Whole frames of a segment's samples; the last 15 ms go in and come out."""

    START = np.zeros(TAIL_SAMPLES, np.int16)

    def __init__(self) -> None:
        turns = np.arange(WINDOW_SAMPLES) / WINDOW_SAMPLES
        window = 0.5 - 0.5 * np.cos(2 * np.pi * turns)
        self._window = (window / 32768).astype(np.float32)
        self._filters = mel_filters()

    def step(self, tail: Samples, samples: Samples) -> tuple[Floats, Samples]:
        """Mels [4n, MELS] of n frames of samples behind `tail`, and the tail after them.

        A product for each frame: in larger ones the last bits would depend on how many there are.
        """
        assert len(samples) % FRAME_SAMPLES == 0
        heard = np.concatenate((tail, samples))
        if not len(samples):
            return np.empty((0, MELS), np.float32), heard
        frames = sliding_window_view(heard, WINDOW_SAMPLES)[::HOP_SAMPLES] * self._window
        spectrum = np.fft.rfft(frames, FFT)
        power = spectrum.real**2 + spectrum.imag**2
        energies = power.reshape(-1, FRAME_MELS, power.shape[1]) @ self._filters
        mels: Floats = np.log(energies + np.float32(FLOOR)).reshape(-1, MELS)
        return mels, heard[-TAIL_SAMPLES:]
