"""Steps of many streams' encoder on a device: what they must compute and move, and how they go."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from training.captions.blocks import Shape
from training.captions.model import Recogniser
from workers.engines.conformer.cuda.network import LogProbs
from workers.engines.conformer.cuda.runs import Runs

FRAME_MS = 40
LEFT = 96
LARGEST_ERROR = 0.03
"""Of log-probs in half precision; more is a fault."""


@dataclass(slots=True)
class Traffic:
    """A chunk of each of `streams` in the host's memory, and room for what is found."""

    rows: Tensor
    mels: Tensor
    found: LogProbs

    @classmethod
    def make(cls, net: Recogniser, streams: int, frames: int, *, pin: bool) -> Traffic:
        """In memory that the device can reach by itself where `pin` is set."""
        classes = (len(net.phones.bias), len(net.characters.bias))
        found = (torch.empty(streams, frames, each, pin_memory=pin) for each in classes)
        mels = torch.randn(streams, 4 * frames, 80, pin_memory=pin)
        rows = torch.randperm(streams)
        return cls(rows.pin_memory() if pin else rows, mels, LogProbs(*found))


def clocked(work: Callable[[], object], wait: Callable[[], object], runs: int) -> float:
    """Seconds a run."""
    work()
    wait()
    began = time.perf_counter()
    for _ in range(runs):
        work()
    wait()
    return (time.perf_counter() - began) / runs


def operations_of(shape: Shape, frames: int) -> float:
    """Floating-point operations of a stream's chunk: products only."""
    s = shape
    feed_forwards = 4 * s.width * s.feedforward
    squares = s.width * s.width * (3 + 1 + 2 + 1)
    attention = 2 * (LEFT + frames) * s.width
    layer = feed_forwards + squares + attention + s.kernel * s.width
    entry = 2 * 40 * s.channels * 9 + 20 * s.channels**2 * 9 + 20 * s.channels * s.width
    return 2.0 * frames * (s.layers * layer + entry)


def bytes_of(shape: Shape, frames: int, size: int) -> float:
    """Bytes that a stream's chunk must move in the device: rings read, the chunk's keys and values
    written, the convolution's cache read and written, features read, log-probs written.
    """
    s = shape
    rings = s.layers * 2 * s.width * (LEFT + frames) * size
    taps = 2 * s.layers * (s.kernel - 1) * s.width * size
    return float(rings + taps + 4 * frames * 80 * 4 + frames * 80 * 4)


@torch.inference_mode()
def error_of(runs: Runs, net: Recogniser, streams: int = 4, chunks: int = 20) -> dict[str, float]:
    """Of log-probs, against the trained net's own step in float32: ‖out - ref‖ / ‖ref‖, and the
    share of frames whose best class is the same. Raises ValueError where the error is large.
    """
    caches = net.empty_caches(streams, LEFT)
    traffic = Traffic.make(net, streams, 8, pin=runs.on_gpu)
    off = scale = same = 0.0
    for _ in range(chunks):
        traffic.mels.normal_()
        *references, caches = net.step(traffic.mels[traffic.rows.argsort()], caches)
        for host in traffic.found:
            host.fill_(float("nan"))
        runs.step(traffic.rows, traffic.mels, traffic.found)
        runs.wait()
        for mine, by_row in zip(traffic.found, references, strict=True):
            wanted = by_row[traffic.rows]
            off += float((mine - wanted).square().sum())
            scale += float(wanted.square().sum())
            same += float((mine.argmax(-1) == wanted.argmax(-1)).float().mean())
    error = (off / scale) ** 0.5
    if not error < LARGEST_ERROR:
        raise ValueError(f"log-probs are off by {error}, expected less than {LARGEST_ERROR}")
    return {"error": error, "same_best": round(same / chunks / 2, 4)}


def step_times(runs: Runs, traffic: Traffic, steps: int, period_s: float = 0.0) -> list[float]:
    """Milliseconds from features in the host to log-probs in the host; the first three warm."""
    found = []
    due = time.perf_counter()
    for number in range(steps + 3):
        due += period_s
        time.sleep(max(0.0, due - time.perf_counter()))
        began = time.perf_counter()
        runs.step(traffic.rows, traffic.mels, traffic.found)
        runs.wait()
        if number >= 3:
            found.append(1000 * (time.perf_counter() - began))
    return found
