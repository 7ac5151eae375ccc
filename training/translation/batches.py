"""Batches of fixed shapes: a captured step needs the same tensors every time.

A pair falls in the shortest bucket that holds both its sides; a bucket's batches all hold about
the same number of places.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.captions.batches import ALONE, Share

from .examples import Examples, bare_rows
from .packed import Array, Ragged
from .pieces import BEGIN, BLANK, END, TAGS

#: Places of source and of target in each bucket.
BUCKETS = (8, 12, 16, 20, 24, 32, 40, 56, 80, 120)


@dataclass(frozen=True)
class Bucket:
    rows: int
    size: int


@dataclass(frozen=True)
class Batch:
    """A batch on the device: source [B, size] = tag, pieces, end; target pieces with an end; the
    lengths of both without padding, of the target without the end, there and on the host."""

    bucket: int
    source: Tensor
    length: Tensor
    shifted: Tensor
    target: Tensor
    source_lengths: list[int]
    target_lengths: list[int]


def make_buckets(tokens: int, sizes: Sequence[int] = BUCKETS) -> list[Bucket]:
    """Buckets whose batches hold about `tokens` places a side, in multiples of eight rows."""
    return [Bucket(max(8, tokens // size // 8 * 8), size) for size in sizes]


class Bank:
    """All sources and targets on the device, and how batches are read from them."""

    def __init__(self, sources: Ragged, targets: Ragged, device: torch.device) -> None:
        self.device = device
        self._sources, self._source_starts = self._moved(sources)
        self._targets, self._target_starts = self._moved(targets)

    def _moved(self, rows: Ragged) -> tuple[Tensor, Tensor]:
        flat = torch.from_numpy(np.append(rows.flat, np.int16(0))).to(self.device)
        return flat, torch.from_numpy(rows.starts).to(self.device)

    def source(self, rows: Tensor, ends: Tensor, tags: Tensor, size: int) -> Tensor:
        """[B, size]: tag, the first `ends[b]` pieces of row `rows[b]`, end, padding."""
        place = torch.arange(size, device=self.device)[None]
        at = self._source_starts[rows][:, None] + place - 1
        last = len(self._sources) - 1
        tokens = self._sources[at.clamp(0, last)].long()
        tokens = torch.where(place > ends[:, None], END, tokens)
        tokens = torch.where(place > ends[:, None] + 1, BLANK, tokens)
        return torch.where(place == 0, tags[:, None], tokens)

    def target(self, rows: Tensor, ends: Tensor, size: int) -> Tensor:
        """[B, size]: the first `ends[b]` pieces, end, padding."""
        place = torch.arange(size, device=self.device)[None]
        at = self._target_starts[rows][:, None] + place
        tokens = self._targets[at.clamp(max=len(self._targets) - 1)].long()
        tokens = torch.where(place >= ends[:, None], END, tokens)
        return torch.where(place > ends[:, None], BLANK, tokens)


def shift(target: Tensor) -> Tensor:
    """What the decoder is fed to say `target`."""
    return torch.cat([torch.full_like(target[:, :1], BEGIN), target[:, :-1]], 1)


class Epochs:
    """Draws batches for ever: each example as often as its weight says, in a new order. `texts`
    are as written and as recognised; `bare_share` of the examples show the latter."""

    def __init__(
        self,
        examples: Examples,
        texts: tuple[Ragged, Ragged],
        buckets: Sequence[Bucket],
        seed: int,
        bare_share: float,
        share: Share = ALONE,
    ) -> None:
        self._examples, self._texts = examples, texts
        self.buckets = buckets
        self._seed, self._bare_share, self._share = seed, bare_share, share
        self.epoch = 0

    def next_epoch(self) -> Iterator[tuple[int, Array]]:
        """A bucket and, a row each: source row, source end, tag, target row, target end."""
        self.epoch += 1
        seed = (self._seed, self.epoch)
        chance = np.random.default_rng(seed)
        e = self._examples
        times = np.floor(e.weight + chance.random(len(e))).astype(np.int64)
        rows, ends = bare_rows(e, *self._texts, self._bare_share, (*seed, 1))
        tags = np.array(list(TAGS.values()))[e.language]
        table = np.stack([rows, ends, tags, e.target, e.target_end], 1).repeat(times, 0)
        need = np.maximum(table[:, 1] + 2, table[:, 4] + 1)
        sizes = np.array([b.size for b in self.buckets])
        number = np.searchsorted(sizes, need)
        plan = [
            (bucket, part)
            for bucket in range(len(sizes))
            for part in self._split(bucket, np.flatnonzero(number == bucket), chance)
        ]
        for i in chance.permutation(len(plan)):
            bucket, part = plan[i]
            yield bucket, table[part]

    def _split(self, bucket: int, index: Array, chance: np.random.Generator) -> list[Array]:
        """This process's part of each step; the last step is filled up with repeats."""
        if not len(index):
            return []
        rows = self.buckets[bucket].rows
        together = rows * self._share.world
        index = chance.permutation(index)
        index = np.resize(index, -(-len(index) // together) * together)
        first = rows * self._share.rank
        return [index[at : at + rows] for at in range(first, len(index), together)]


def draw(bank: Bank, buckets: Sequence[Bucket], bucket: int, table: Array) -> Batch:
    """The batch on the device; from pinned memory, so that the host need not wait."""
    size = buckets[bucket].size
    moved = torch.from_numpy(np.ascontiguousarray(table.T))
    if bank.device.type == "cuda":
        moved = moved.pin_memory()
    rows, ends, tags, target_rows, target_ends = moved.to(bank.device, non_blocking=True)
    target = bank.target(target_rows, target_ends, size)
    return Batch(
        bucket,
        bank.source(rows, ends, tags, size),
        ends + 2,
        shift(target),
        target,
        (table[:, 1] + 2).tolist(),
        table[:, 4].tolist(),
    )
