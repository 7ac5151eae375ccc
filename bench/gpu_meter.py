"""What a step of the encoder takes on a GPU, beside the floor that its arithmetic and bytes set."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from typing import Any

import torch

from bench.figures import quantile, row
from bench.gpu_steps import FRAME_MS, LEFT, Traffic, bytes_of, clocked, operations_of, step_times
from bench.power import joule_counter, metered
from training.captions.model import Recogniser
from workers.engines.conformer.cuda import plain
from workers.engines.conformer.cuda.network import Network, sizes_of
from workers.engines.conformer.cuda.runs import Runs


@dataclass(slots=True)
class Bench:
    """What is measured, and on what."""

    options: argparse.Namespace
    net: Recogniser
    device: str
    copy_gb_s: float = 0.0
    product_tflop_s: float = 0.0
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def dtype(self) -> torch.dtype:
        return torch.bfloat16 if self.device == "cuda" else torch.float32

    def network(self, *, kernels: bool = True, fuse: bool = False) -> Network:
        operations: Any = plain
        if kernels and self.device == "cuda":
            from workers.engines.conformer.cuda import kernels as operations
        weights = {name: each.detach() for name, each in self.net.state_dict().items()}
        sizes = sizes_of(weights, self.net.shape.heads, LEFT)
        return Network(weights, sizes, operations, self.dtype, self.device, fuse=fuse)

    def tell(self, name: str, found: dict[str, Any]) -> None:
        print(row(name, found), flush=True)
        self.figures[name] = found


def ceilings(bench: Bench) -> None:
    gpu = bench.device == "cuda"
    wait = torch.cuda.synchronize if gpu else lambda: None
    side, size = (8192, 2**30) if gpu else (256, 2**22)
    a, b = (torch.randn(side, side, device=bench.device, dtype=bench.dtype) for _ in "ab")
    source = torch.randn(size, device=bench.device, dtype=bench.dtype)
    target = torch.empty_like(source)
    copied = clocked(lambda: target.copy_(source), wait, 10)
    bench.copy_gb_s = 2 * source.nbytes / copied / 1e9
    bench.product_tflop_s = 2 * side**3 / clocked(lambda: a @ b, wait, 10) / 1e12
    rates = {"copy_gb_s": bench.copy_gb_s, "product_tflop_s": bench.product_tflop_s}
    bench.tell("ceilings", {name: round(value, 3) for name, value in rates.items()})


def floor_ms(bench: Bench, streams: int, frames: int) -> float:
    shape, size = bench.net.shape, bench.dtype.itemsize
    arithmetic = operations_of(shape, frames) * streams / (bench.product_tflop_s * 1e12)
    moved = bytes_of(shape, frames, size) * streams / (bench.copy_gb_s * 1e9)
    return 1000 * max(arithmetic, moved)


def counts(bench: Bench) -> None:
    for chunk in bench.options.chunks:
        frames, size = chunk // FRAME_MS, bench.dtype.itemsize
        bench.tell(
            f"a stream's {chunk} ms",
            {
                "gflop": round(operations_of(bench.net.shape, frames) / 1e9, 4),
                "mb": round(bytes_of(bench.net.shape, frames, size) / 1e6, 3),
            },
        )


def measured(
    bench: Bench, runs: Runs, streams: int, chunk: int, steps: int, *, paced: bool = False
) -> dict[str, Any]:
    frames = chunk // FRAME_MS
    traffic = Traffic.make(bench.net, streams, frames, pin=runs.on_gpu)
    if runs.on_gpu:
        runs.capture(frames)
    with metered(joule_counter() if runs.on_gpu else None) as spent:
        times = step_times(runs, traffic, steps, chunk / 1000 if paced else 0.0)
    if not torch.isfinite(traffic.found.phones).all():
        raise ValueError(f"log-probs of {streams} streams are not all finite")
    p99 = quantile(times, 0.99)
    audio_h = streams * (steps + 3) * chunk / 3.6e6
    return {
        "streams": streams,
        "p50_ms": round(quantile(times, 0.5), 3),
        "p99_ms": round(p99, 3),
        "max_ms": round(max(times), 3),
        "times_floor": round(quantile(times, 0.5) / floor_ms(bench, streams, frames), 2),
        "holds": p99 < chunk / 2,
        "joules_an_audio_hour": round(spent.joules / audio_h, 2) if spent.joules else None,
    }
