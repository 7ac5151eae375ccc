"""Everything that varies a recording, on the device that trains: speed, room, noise, microphone.

All functions work on a batch at once and draw from torch's generator of that device.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from .audio import Samples
from .features import MELS, RATE_HZ, hz_to_mel, mel_edges

REVERB_SAMPLES = RATE_HZ // 2
REVERB_SHARE = 0.3
NOISE_SHARE = 0.5
BABBLE_SHARE = 0.15
WARP_SHARE = 0.5
MOST_WARP = 0.1
TONE_SHARE = 0.5
_SINC_HALF = 4


class WaveBank:
    """Many recordings in one int16 tensor on the device, read at any speed."""

    def __init__(self, waves: Sequence[Samples], device: torch.device) -> None:
        lengths = [len(w) for w in waves]
        self.lengths = torch.tensor(lengths, device=device)
        self.starts = torch.tensor(np.cumsum([0, *lengths[:-1]]), device=device)
        self.samples = torch.from_numpy(np.concatenate(list(waves))).to(device)
        # a hundred small kernels become one
        self._interpolate = (
            torch.compile(interpolate, dynamic=True) if device.type == "cuda" else interpolate
        )

    def replace(self, start: int, samples: Tensor, lengths: Sequence[int]) -> None:
        """Other samples from place `start` on; `lengths` are all recordings' from the first."""
        self.samples[start : start + len(samples)].copy_(samples)
        device = self.samples.device
        self.lengths = torch.tensor(lengths, device=device)
        self.starts = torch.tensor(np.cumsum([0, *lengths[:-1]]), device=device)

    def read(self, rows: Tensor, speeds: Tensor, samples: int) -> Tensor:
        """Waves [len(rows), samples] in -1..1, zero after their end.

        A speed of 1.1 plays 10 % faster and higher. Between samples a Hann-windowed sinc of
        eight taps interpolates.
        """
        return self._interpolate(
            self.samples, self.starts[rows], self.lengths[rows], speeds, samples
        )

    def anywhere(self, count: int, samples: int) -> Tensor:
        """`count` random stretches of the bank, whatever is in them."""
        device = self.samples.device
        last = max(1, len(self.samples) - samples)
        start = (torch.rand(count, device=device) * last).long()
        index = start[:, None] + torch.arange(samples, device=device)
        return self.samples[index.clamp(max=len(self.samples) - 1)].float() / 32768


def interpolate(
    bank: Tensor, starts: Tensor, lengths: Tensor, speeds: Tensor, samples: int
) -> Tensor:
    """Rows of int16 `bank` from `starts`, read at `speeds`: floats [rows, samples]."""
    place = torch.arange(samples, device=bank.device, dtype=torch.float64)
    at = place[None] * speeds[:, None].double()
    whole = at.floor().long()
    part = (at - whole).float()
    starts, lengths = starts[:, None], lengths[:, None]
    total = torch.zeros_like(part)
    for tap in range(1 - _SINC_HALF, _SINC_HALF + 1):
        offset = part - tap
        window = torch.cos(offset * (math.pi / 2 / (_SINC_HALF + 0.5)))
        weight = torch.sinc(offset) * window * window
        index = whole + tap
        real = (index >= 0) & (index < lengths)
        value = bank[(starts + index).clamp(0, bank.shape[0] - 1)]
        total = total + torch.where(real, value.float() * weight, 0.0)
    return torch.where(whole < lengths, total / 32768, 0.0)


def vary_waves(waves: Tensor, noise: WaveBank, speech: WaveBank) -> Tensor:
    """Reverberation, recorded noise, a distant talker and another level, each for some rows."""
    rows, samples = waves.shape
    device = waves.device
    echoed = torch.randperm(rows, device=device)[: max(1, round(rows * REVERB_SHARE))]
    waves = waves.index_copy(0, echoed, reverberate(waves[echoed]))
    noisy = torch.rand(rows, 1, device=device) < NOISE_SHARE
    waves = waves + noisy * at_ratio(waves, noise.anywhere(rows, samples), 5.0, 30.0)
    talked = torch.randperm(rows, device=device)[: max(1, round(rows * BABBLE_SHARE))]
    babble = at_ratio(waves[talked], speech.anywhere(len(talked), samples), 10.0, 30.0)
    waves = waves.index_add(0, talked, babble)
    level = 10 ** ((torch.rand(rows, 1, device=device) - 0.5) * 1.2)
    return waves * level + torch.randn_like(waves) * 1e-4


def reverberate(waves: Tensor) -> Tensor:
    """Convolved with noise that decays by 60 dB in 0.08 to 0.58 s: a room of no special shape."""
    rows, samples = waves.shape
    device = waves.device
    time = torch.arange(REVERB_SAMPLES, device=device) / RATE_HZ
    decay_s = 0.08 + 0.5 * torch.rand(rows, 1, device=device)
    tail = torch.randn(rows, REVERB_SAMPLES, device=device) * torch.exp(-6.9 * time / decay_s)
    tail[:, :16] = 0
    strength = 0.1 + 0.6 * torch.rand(rows, 1, device=device)
    response = tail / tail.norm(dim=1, keepdim=True) * strength
    response[:, 0] = 1
    size = 1 << (samples + REVERB_SAMPLES - 1).bit_length()
    spectrum = torch.fft.rfft(waves, size) * torch.fft.rfft(response, size)
    return torch.fft.irfft(spectrum, size)[:, :samples]


def at_ratio(waves: Tensor, noise: Tensor, least_db: float, most_db: float) -> Tensor:
    """`noise` scaled to a signal-to-noise ratio drawn for each row."""
    rows = len(waves)
    spoken = (waves != 0).sum(1, keepdim=True).clamp(min=1)
    signal = waves.square().sum(1, keepdim=True) / spoken
    power = noise.square().mean(1, keepdim=True) + 1e-9
    ratio_db = least_db + (most_db - least_db) * torch.rand(rows, 1, device=waves.device)
    return noise * (signal / power * 10 ** (-ratio_db / 10)).sqrt()


def warp_mels(mels: Tensor) -> Tensor:
    """Vocal tracts of other lengths: some rows' frequency axis is stretched by up to a tenth."""
    rows = len(mels)
    device = mels.device
    warp = 1 + MOST_WARP * (2 * torch.rand(rows, 1, device=device) - 1)
    warp = torch.where(torch.rand(rows, 1, device=device) < WARP_SHARE, warp, 1.0)
    centres = mel_edges()[1:-1].to(device, torch.float32)
    wanted = 2595.0 * torch.log10(1 + centres * warp / 700.0)
    low, high = (hz_to_mel(float(centres[i])) for i in (0, -1))
    place = ((wanted - low) / (high - low) * (MELS - 1)).clamp(0, MELS - 1)
    below = place.floor().long().clamp(max=MELS - 2)
    part = (place - below)[:, None]
    lower = mels.gather(2, below[:, None].expand_as(mels))
    upper = mels.gather(2, (below + 1)[:, None].expand_as(mels))
    return lower + (upper - lower) * part


def tone_mels(mels: Tensor) -> Tensor:
    """Other microphones: a smooth curve of up to about 9 dB is added along frequency."""
    rows = len(mels)
    device = mels.device
    axis = torch.linspace(0, 1, MELS, device=device)[None]
    draw = torch.randn(rows, 4, 1, device=device).clamp(-2, 2)
    curve = 0.7 * draw[:, 0] * (axis - 0.5) * 2
    for k in (1, 2, 3):
        curve = curve + 0.35 / k * draw[:, k] * torch.cos(
            math.pi * (k + 1) * axis + 6.3 * draw[:, 0]
        )
    chosen = torch.rand(rows, 1, device=device) < TONE_SHARE
    return mels + (chosen * curve)[:, None]


def mask_mels(features: Tensor, strength: float) -> Tensor:
    """SpecAugment (Park et al. 2019) on normalised features: two bands, and spans of time.

    At a strength of 1 about a tenth of the time is hidden; the consistency loss wants 2.5.
    """
    rows, frames, _ = features.shape
    device = features.device
    bands = _spans(rows, 2, MELS, 24, device)[:, None, :]
    count = max(2, round(frames / 130 * strength))
    times = _spans(rows, count, frames, 32, device)[:, :, None]
    return features.masked_fill(bands | times, 0.0)


def _spans(rows: int, count: int, size: int, widest: int, device: torch.device) -> Tensor:
    """The union [rows, size] of `count` random spans."""
    axis = torch.arange(size, device=device)
    start = (torch.rand(rows, count, 1, device=device) * size).long()
    width = torch.randint(0, widest, (rows, count, 1), device=device)
    return ((axis >= start) & (axis < start + width)).any(1)
