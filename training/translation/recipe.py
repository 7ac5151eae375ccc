"""What decides the weights, and one run's share of making them."""

import math
from dataclasses import dataclass
from pathlib import Path

import torch


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights but the data. `tokens` are places of a batch, a side and
    a process; `bare` the share of sources without case and punctuation; `prefixes` how many
    cut pairs come with each whole one; `balance`: examples.py; `agree` the weight of R-Drop."""

    peak_rate: float = 1e-3
    floor: float = 0.01
    warm_steps: int = 800
    weight_decay: float = 0.02
    dropout: float = 0.2
    smoothing: float = 0.1
    tokens: int = 24_000
    clip: float = 1.0
    average: float = 0.9995
    bare: float = 0.1
    prefixes: float = 0.0
    balance: float = 0.5
    agree: float = 0.0
    seed: int = 0

    def rate(self, step: int, progress: float) -> float:
        """Linear warm-up, then a cosine over the whole of training down to `floor`."""
        cosine = 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
        warm = min(step / self.warm_steps, 1.0)
        return self.peak_rate * warm * (cosine * (1 - self.floor) + self.floor)


@dataclass(frozen=True)
class Job:
    """One run on one machine. It ends after `steps` of the whole training, or when `seconds` of
    this run are over, whichever is given; `resume` is a checkpoint to go on from, with the
    rest of its cosine or, `restart`, a new one (Loshchilov and Hutter 2017). `fuse` and `capture`
    say whether torch.compile and CUDA graphs are made use of."""

    out: Path
    device: torch.device
    seconds: float | None = None
    steps: int | None = None
    resume: Path | None = None
    restart: bool = False
    fuse: bool = True
    capture: bool = True
    every: int = 250
    measure_every: int = 2000


@dataclass(frozen=True)
class StudentWeights:
    """How much each loss counts, a piece."""

    ctc: float = 0.5
    inner_ctc: float = 0.2
    cross_entropy: float = 0.3


TEACHER = Recipe()
STUDENT = Recipe(dropout=0.1, smoothing=0.0, bare=0.25, prefixes=0.2, balance=0.0)
