"""The moderation encoder on a device at fixed sizes, with the host's memory beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.posts import MOST_PIECES
from training.moderation.model import Encoder, Shape

LENGTHS = (16, 32, 48, 64)
BATCHES = (32, 256, 1024)

Pieces = NDArray[np.int16]


class Captured(NamedTuple):
    """A graph (None without a GPU) that reads `pieces` [batch, length]; what it finds."""

    graph: torch.cuda.CUDAGraph | None
    pieces: Tensor
    scores: Tensor


class Scorer:
    """The encoder at fixed sizes; work is put on the device's queue and waited for later."""

    def __init__(self, net: Encoder, device: str) -> None:
        self.gpu = device == "cuda"
        self.shape, self.labels = net.shape, net.head.out_features
        self._net = net.to(device, torch.bfloat16 if self.gpu else torch.float32)
        self._runs = {(b, t): self._capture(b, t) for b in BATCHES for t in LENGTHS}

    @torch.inference_mode()
    def _capture(self, batch: int, length: int) -> Captured:
        device = self._net.head.weight.device
        pieces = torch.ones(batch, length, dtype=torch.int16, device=device)
        if not self.gpu:
            return Captured(None, pieces, torch.empty(0))
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self._compute(pieces)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            scores = self._compute(pieces)
        return Captured(graph, pieces, scores)

    def _compute(self, pieces: Tensor) -> Tensor:
        scores: Tensor = self._net(pieces.long()).float().sigmoid()
        return scores

    @torch.inference_mode()
    def put(self, pieces: Tensor, found: Tensor) -> None:
        """Scores of `pieces` [n, T] in one run, T of LENGTHS; `found` [n, labels] is filled later.

        Rows beyond n hold an earlier run's posts, or ones.
        """
        count, length = pieces.shape
        run = self._runs[next(b for b in BATCHES if b >= count), length]
        run.pieces[:count].copy_(pieces, non_blocking=True)
        if run.graph is None:
            found.copy_(self._compute(run.pieces[:count]))
            return
        run.graph.replay()
        found.copy_(run.scores[:count], non_blocking=True)


@dataclass(slots=True)
class Flight:
    """One batch under way: pinned memory of its own, and which windows it holds."""

    pieces: Tensor
    found: Tensor
    event: Any
    windows: NDArray[np.int64] | None = None

    @classmethod
    def make(cls, labels: int, gpu: bool) -> Flight:
        most = BATCHES[-1]
        pieces = torch.zeros(most * MOST_PIECES, dtype=torch.int16, pin_memory=gpu)
        found = torch.zeros(most, labels, pin_memory=gpu)
        return cls(pieces, found, torch.cuda.Event() if gpu else None)

    @property
    def landed(self) -> bool:
        return self.event is None or self.event.query()


def launch(scorer: Scorer, flight: Flight, pieces: Pieces, lengths: NDArray[np.int16]) -> None:
    """At most BATCHES[-1] windows, the shorter ones together; scores come in the same order."""
    begin = used = 0
    for length in LENGTHS:
        end = int(np.searchsorted(lengths, length, side="right"))
        if end > begin:
            size = (end - begin) * length
            held = flight.pieces[used : used + size].view(end - begin, length)
            held.numpy()[:] = pieces[begin:end, :length]
            scorer.put(held, flight.found[begin:end])
            used += size
        begin = end
    if flight.event is not None:
        flight.event.record()


def operations(shape: Shape, length: int) -> float:
    """Floating-point operations of a window: products only."""
    layer = 4 * shape.width**2 + 2 * shape.width * shape.inner + 2 * length * shape.width
    return 2.0 * length * shape.layers * layer
