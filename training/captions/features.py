"""Log-mel features on the device that holds the waves; framing is causal.

Frame t covers 25 ms that end at sample (t+1)*160, so a chunk of n*160 samples yields n frames
and no frame waits for a later chunk. `workers` computes the same numbers for serving.
"""

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

RATE_HZ = 16000
HOP = 160
WINDOW = 400
FFT = 512
MELS = 80
LOWEST_HZ, HIGHEST_HZ = 20.0, 7600.0
FLOOR = 1e-6


def hz_to_mel(hz: float) -> float:
    return 2595.0 * math.log10(1.0 + hz / 700.0)


def mel_to_hz(mel: Tensor) -> Tensor:
    return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)


def mel_edges() -> Tensor:
    """MELS + 2 corner frequencies in Hz, evenly spaced on the HTK mel scale."""
    low, high = hz_to_mel(LOWEST_HZ), hz_to_mel(HIGHEST_HZ)
    return mel_to_hz(torch.linspace(low, high, MELS + 2, dtype=torch.float64))


def mel_filters() -> Tensor:
    """Triangles [FFT/2+1, MELS], peak 1."""
    edges = mel_edges()
    hz = torch.linspace(0, RATE_HZ / 2, FFT // 2 + 1, dtype=torch.float64)[:, None]
    rising = (hz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hz) / (edges[2:] - edges[1:-1])
    return torch.minimum(rising, falling).clamp(min=0).float()


class LogMel(torch.nn.Module):
    """Waves [B, S] in -1..1 to natural log-mel energies [B, S // HOP, MELS]."""

    window: Tensor
    filters: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(WINDOW), persistent=False)
        self.register_buffer("filters", mel_filters(), persistent=False)

    def forward(self, waves: Tensor) -> Tensor:
        frames = F.pad(waves, (WINDOW - HOP, 0)).unfold(1, WINDOW, HOP) * self.window
        power = torch.fft.rfft(frames, FFT).abs().square()
        return torch.log(power @ self.filters + FLOOR)
