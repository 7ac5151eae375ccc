"""How many live streams' encoder one GPU carries: the Conformer's step with every stream's caches
on the device (workers/engines/conformer/cuda), features in from the host and log-probs out to it.

A step is one chunk of every stream; it holds if its p99 stays below half a chunk. Steps follow each
other at once, but in the paced run, which has one a chunk, as live audio does. The floor is the
larger of the time that the operations take at the rate of a large product and of the time that the
caches and weights take at the rate of a large copy, both measured first.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from bench.figures import last_line
from bench.gpu_meter import Bench, ceilings, counts, measured
from bench.gpu_steps import (
    FRAME_MS,
    Traffic,
    error_of,
    step_times,
)
from training.captions.blocks import Shape
from training.captions.checkpoint import load_recogniser
from training.captions.model import Recogniser
from workers.engines.conformer.cuda.network import Network
from workers.engines.conformer.cuda.pool import Pool
from workers.engines.conformer.cuda.runs import Runs

SMALL = Shape(width=64, layers=3, heads=4, feedforward=128, channels=8)


WAYS = {
    "plain torch": (False, False),
    "kernels": (True, False),
    "kernels, torch.compile": (True, True),
}
"""Whether the step has kernels of its own, and whether torch compiles what lies between them."""


def quickest_way(bench: Bench) -> Network:
    """At one size. A way that fails, or whose log-probs are off, is left out."""
    best, fastest = None, float("inf")
    for name, (kernels, fuse) in WAYS.items():
        if name in bench.options.skip:
            continue
        try:
            network = bench.network(kernels=kernels, fuse=fuse)
            found = tried(bench, network)
        except Exception as error:  # a way that fails must not hide the others
            bench.tell(name, {"failed": f"{type(error).__name__}: {error}"[:300]})
            continue
        bench.tell(name, found)
        if found["p50_ms"] < fastest:
            best, fastest = network, found["p50_ms"]
            bench.figures["taken"] = name
    if best is None:
        raise RuntimeError("no way of the step works here")
    return best


def tried(bench: Bench, network: Network) -> dict[str, Any]:
    options = bench.options
    few = Pool.make(network.sizes, 4, bench.dtype, bench.device)
    error = error_of(Runs(network, few, 16), bench.net)
    pool = Pool.make(network.sizes, options.try_streams, bench.dtype, bench.device)
    runs = Runs(network, pool, min(options.batches[0], options.try_streams))
    return error | measured(bench, runs, options.try_streams, options.chunks[0], options.tries)


def batches(bench: Bench, network: Network) -> int:
    """Streams in a run: which is the quickest, at one size."""
    streams, chunk = bench.options.try_streams, bench.options.chunks[0]
    found = {}
    for batch in bench.options.batches:
        pool = Pool.make(network.sizes, streams, bench.dtype, bench.device)
        runs = Runs(network, pool, batch)
        figures = measured(bench, runs, streams, chunk, bench.options.tries)
        bench.tell(f"runs of {batch}", figures)
        found[batch] = figures["p50_ms"]
    return min(found, key=lambda batch: found[batch])


def sweep(bench: Bench, network: Network, batch: int) -> None:
    """Every number of streams at every length of chunk, in one pool."""
    runs = largest(bench, network, batch)
    options, most_rows = bench.options, runs.pool.spare
    bench.tell("pool", {"rows": most_rows, "gb": round(runs.pool.nbytes / 1e9, 2)})
    for chunk in options.chunks:
        sizes = [n for n in sorted(options.streams) if n <= most_rows]
        bench.figures[f"most at {chunk} ms"] = most_that_hold(bench, runs, chunk, sizes)
    goal, chunk = min(options.goal, most_rows), options.chunks[0]
    paced = measured(bench, runs, goal, chunk, options.paced_steps, paced=True)
    bench.tell(f"paced, {chunk} ms, {goal}", paced)
    if options.profile and runs.on_gpu:
        try:
            profile(bench, runs, goal, chunk)
        except Exception:  # no figure hangs on it
            traceback.print_exc(file=sys.stdout)


def most_that_hold(bench: Bench, runs: Runs, chunk: int, sizes: Sequence[int]) -> int:
    """The largest of `sizes` that holds; past it, halfway to the one that doesn't, and again."""
    most, least_bad = 0, None
    for streams in sizes:
        if not holds(bench, runs, chunk, streams):
            least_bad = streams
            break
        most = streams
    for _ in range(3 if least_bad else 0):
        assert least_bad is not None
        between = (most + least_bad) // 2
        if holds(bench, runs, chunk, between):
            most = between
        else:
            least_bad = between
    return most


def holds(bench: Bench, runs: Runs, chunk: int, streams: int) -> bool:
    found = measured(bench, runs, streams, chunk, bench.options.steps)
    bench.tell(f"{chunk} ms, {streams}", found)
    return bool(found["holds"])


def largest(bench: Bench, network: Network, batch: int) -> Runs:
    """The most streams whose caches fit, with all graphs captured."""
    for streams in sorted(bench.options.streams, reverse=True):
        try:
            return ready(bench, network, batch, streams)
        except torch.OutOfMemoryError:
            print(f"{streams} streams: more than the device holds", flush=True)
        gc.collect()
        torch.cuda.empty_cache()
    raise RuntimeError("not even the fewest streams fit the device")


def ready(bench: Bench, network: Network, batch: int, streams: int) -> Runs:
    pool = Pool.make(network.sizes, streams, bench.dtype, bench.device)
    runs = Runs(network, pool, batch)
    for chunk in bench.options.chunks if runs.on_gpu else ():
        runs.capture(chunk // FRAME_MS)
    return runs


def profile(bench: Bench, runs: Runs, streams: int, chunk: int) -> None:
    """Where the device's time goes, by kernel."""
    traffic = Traffic.make(bench.net, streams, chunk // FRAME_MS, pin=True)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as seen:
        step_times(runs, traffic, 1)
    averages = seen.key_averages()
    print(averages.table(sort_by="self_device_time_total", row_limit=25, max_name_column_width=60))


def beams(bench: Bench) -> None:
    """In a process of its own, without torch; streams are what the cores and the GPU both carry."""
    if not bench.options.scores:
        return
    command = [sys.executable, "-m", "bench.beams", "--scores", str(bench.options.scores)]
    command += ["--seconds", str(bench.options.beam_seconds)]
    command += ["--chunks", *map(str, bench.options.chunks)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    if ran.returncode:
        bench.tell("beams", {"failed": ran.stderr[-400:]})
        return
    found = json.loads(ran.stdout.splitlines()[-1])
    for chunk in bench.options.chunks:
        bench.tell(f"beams, {chunk} ms", found[f"{chunk} ms"])


def costs(bench: Bench) -> None:
    price = bench.options.price_per_hour
    for chunk in bench.options.chunks:
        encoder = bench.figures.get(f"most at {chunk} ms", 0)
        cores = bench.figures.get(f"beams, {chunk} ms", {}).get("streams")
        both = min(encoder, cores) if cores is not None else None
        bench.tell(
            f"carried at {chunk} ms",
            {
                "encoder": encoder,
                "beams": cores,
                "both": both,
                "usd_an_hour_of_machine": price,
                "usd_an_audio_hour_encoder": round(price / encoder, 6) if encoder else None,
                "usd_an_audio_hour_both": round(price / both, 6) if both else None,
            },
        )


def serving(bench: Bench) -> None:
    network = quickest_way(bench)
    gc.collect()
    batch = batches(bench, network)
    bench.figures["streams_a_run"] = batch
    sweep(bench, network, batch)


PARTS: tuple[Callable[[Bench], None], ...] = (ceilings, counts, serving, beams, costs)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="example: python -m bench.gpu_captions --scores scores.npz"
    )
    add = parser.add_argument
    add("--streams", type=int, nargs="+", default=[1000, 5000, 20000, 50000])
    add("--goal", type=int, default=20_000, help="streams of the paced run")
    add("--chunks", type=int, nargs="+", default=[320, 160], help="milliseconds")
    add("--batches", type=int, nargs="+", default=[2048, 1024, 4096, 8192], help="streams a run")
    add("--try-streams", type=int, default=8192, help="at which ways and batches are compared")
    add("--tries", type=int, default=30, help="steps of each comparison")
    add("--steps", type=int, default=200)
    add("--paced-steps", type=int, default=100)
    add("--skip", nargs="*", default=[], help="ways that are left out, by name")
    add("--checkpoint", type=Path, help="trained weights; random ones are as quick")
    add("--small", action="store_true", help="a tiny net, to try the benchmark itself")
    add("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    add("--scores", type=Path, help="log-probs for the beams on the cores (bench/beams.py)")
    add("--beam-seconds", type=float, default=10.0)
    add("--price-per-hour", type=float, default=3.0, help="of the machine, in USD")
    add("--profile", action="store_true", help="print where the device's time goes")
    return parser.parse_args()


def main() -> None:
    options = parse()
    torch.manual_seed(0)
    net = Recogniser(SMALL if options.small else Shape()).eval()
    net = load_recogniser(options.checkpoint) if options.checkpoint else net
    bench = Bench(options, net, options.device)
    if bench.device == "cuda":
        torch.backends.cudnn.benchmark = True
        bench.tell("machine", {"gpu": torch.cuda.get_device_name(), "cores": os.cpu_count()})
    failed = 0
    for part in PARTS:
        try:
            part(bench)
        except Exception:  # what was measured so far is worth the run
            traceback.print_exc(file=sys.stdout)
            failed += 1
    print(last_line("gpu_captions", {**bench.figures, "failed_parts": failed}))
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
