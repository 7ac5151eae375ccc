"""Batches of fixed shapes: a captured step needs the same tensors every time.

A recording played at some speed falls in the shortest bucket that holds it; a bucket's batches
all hold about the same seconds of audio.
"""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from .features import HOP, RATE_HZ

#: Lengths of the buckets in mel frames of 10 ms: multiples of 32, so that attention's size is a
#: multiple of 8 frames of 40 ms, as its kernels want.
BUCKET_FRAMES = (288, 352, 416, 480, 576, 736, 960, 1248, 1440, 1632, 1984)
SLOWEST, FASTEST = 0.88, 1.12


@dataclass(frozen=True)
class Bucket:
    """`rows` different recordings a batch, each padded to `frames` mel frames."""

    rows: int
    frames: int


@dataclass(frozen=True)
class Batch:
    """Indices of recordings, the speed of each, and the bucket's number."""

    bucket: int
    rows: tuple[int, ...]
    speeds: tuple[float, ...]


def make_buckets(batch_s: float, frames: Sequence[int] = BUCKET_FRAMES) -> list[Bucket]:
    """Buckets whose batches hold at most `batch_s` seconds, and two recordings at least."""
    return [Bucket(max(2, int(batch_s * 100 / f)), f) for f in frames]


def frames_at(samples: int, speed: float) -> int:
    """Mel frames of a recording of `samples` played at `speed`."""
    return int(samples / speed) // HOP


@dataclass(frozen=True)
class Share:
    """Which of several processes this is; each takes its part of every step's recordings."""

    rank: int = 0
    world: int = 1


ALONE = Share()


class Epochs:
    """Draws batches for ever; every recording comes once an epoch, at a new speed each time."""

    def __init__(
        self, samples: Sequence[int], buckets: Sequence[Bucket], seed: int, share: Share = ALONE
    ) -> None:
        self._samples = samples
        self._share = share
        self._buckets = buckets
        self._random = random.Random(seed)
        self.epoch = 0

    def replace(self, samples: Sequence[int]) -> None:
        """Other recordings from the next epoch on."""
        self._samples = samples

    @property
    def hours(self) -> float:
        return sum(self._samples) / RATE_HZ / 3600

    def next_epoch(self, longest_frames: int | None = None) -> list[Batch]:
        """One epoch's batches in random order; recordings beyond `longest_frames` are left out."""
        self.epoch += 1
        groups: dict[int, list[tuple[int, float]]] = defaultdict(list)
        for row, samples in enumerate(self._samples):
            speed = self._random.uniform(SLOWEST, FASTEST)
            frames = frames_at(samples, speed)
            number = next((i for i, b in enumerate(self._buckets) if b.frames >= frames), None)
            if number is not None and (longest_frames is None or frames <= longest_frames):
                groups[number].append((row, speed))
        batches = [b for number, group in groups.items() for b in self._split(number, group)]
        self._random.shuffle(batches)
        return batches

    def _split(self, number: int, group: list[tuple[int, float]]) -> list[Batch]:
        self._random.shuffle(group)
        size = self._buckets[number].rows
        together = size * self._share.world
        group += self._random.choices(group, k=-len(group) % together)
        starts = range(size * self._share.rank, len(group), together)
        return [Batch(number, *zip(*group[i : i + size], strict=True)) for i in starts]
