"""What decides the weights, and one run's share of making them."""

import math
from dataclasses import dataclass
from pathlib import Path

import torch


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights but the data; `batch_s` counts both views, `skip` is the
    last block's share of branches left out."""

    peak_rate: float = 8e-4
    floor: float = 0.01
    warm_steps: int = 2000
    short_steps: int = 800
    plain_steps: int = 1000
    agree_steps: int = 2000
    weight_decay: float = 0.03
    dropout: float = 0.15
    skip: float = 0.0
    batch_s: float = 400.0
    mask_strength: float = 2.5
    clip: float = 1.0
    average: float = 0.9995
    seed: int = 0

    def rate(self, step: int, progress: float) -> float:
        """Linear warm-up, then a cosine over the whole of training down to `floor`."""
        cosine = 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
        return (
            self.peak_rate
            * min(step / self.warm_steps, 1.0)
            * (cosine * (1 - self.floor) + self.floor)
        )


@dataclass(frozen=True)
class Job:
    """One run on one machine. It ends after `steps` of the whole training, or when `seconds` of
    this run are over, whichever is given; `resume` is a checkpoint to go on from, with the
    rest of its cosine or, `restart`, a new one (Loshchilov and Hutter 2017). `out` gets the newest
    averaged weights, `best` those of the fewest errors on the held-out fold."""

    out: Path
    best: Path
    device: torch.device
    seconds: float | None = None
    steps: int | None = None
    resume: Path | None = None
    restart: bool = False
    fuse: bool = True
    every: int = 500
    measure_every: int = 2000
