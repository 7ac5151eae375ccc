"""Runs of one size: streams go through the network `batch` at a time, the last run filled up.

Every run has the same size, so that a stream's numbers never depend on how many others there are
(a library picks its kernels by the size). On a GPU a run is a captured graph, one for each length
of chunk; features come from and log-probs go to memory that the device can reach by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from workers.engines.conformer.cuda.network import LogProbs, Network
from workers.engines.conformer.cuda.pool import Pool

WARM_RUNS = 3


@dataclass(frozen=True, slots=True)
class Captured:
    """A graph with what it reads and writes on the device."""

    graph: torch.cuda.CUDAGraph
    rows: Tensor
    mels: Tensor
    found: LogProbs


class Runs:
    """Steps of any number of streams."""

    def __init__(self, network: Network, pool: Pool, batch: int) -> None:
        self.network, self.pool, self.batch = network, pool, batch
        self._captured: dict[int, Captured] = {}

    @property
    def on_gpu(self) -> bool:
        return self.network.device.startswith("cuda")

    @torch.inference_mode()
    def step(self, rows: Tensor, mels: Tensor, found: LogProbs) -> None:
        """`rows` [S], `mels` [S, 4n, 80] and `found` [S, n, classes] are the host's; `found` is
        filled once the device has been waited for (`wait`). No row may come twice.
        """
        for begin in range(0, len(rows), self.batch):
            part = slice(begin, min(begin + self.batch, len(rows)))
            if self.on_gpu:
                self._replay(rows[part], mels[part], found, part)
            else:
                self._compute(rows[part], mels[part], found, part)

    def wait(self) -> None:
        if self.on_gpu:
            torch.cuda.current_stream().synchronize()

    def capture(self, frames: int) -> Captured:
        """Raises torch.OutOfMemoryError where the device is too small."""
        if frames not in self._captured:
            self._captured[frames] = self._capture(frames)
        return self._captured[frames]

    def _replay(self, rows: Tensor, mels: Tensor, found: LogProbs, part: slice) -> None:
        run = self.capture(mels.shape[1] // 4)
        count = len(rows)
        run.rows[:count].copy_(rows, non_blocking=True)
        run.rows[count:].fill_(self.pool.spare)
        run.mels[:count].copy_(mels, non_blocking=True)
        run.graph.replay()
        for host, device in zip(found, run.found, strict=True):
            host[part].copy_(device[:count], non_blocking=True)

    def _compute(self, rows: Tensor, mels: Tensor, found: LogProbs, part: slice) -> None:
        for host, result in zip(found, self.network.step(self.pool, rows, mels), strict=True):
            host[part] = result

    @torch.inference_mode()
    def _capture(self, frames: int) -> Captured:
        """Warm runs and the capture touch the spare row only."""
        device = self.network.device
        rows = torch.full((self.batch,), self.pool.spare, device=device)
        mels = torch.zeros(self.batch, 4 * frames, self.network.sizes.mels, device=device)
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_RUNS):
                self.network.step(self.pool, rows, mels)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            found = self.network.step(self.pool, rows, mels)
        return Captured(graph, rows, mels, found)
