"""Posts a second that one GPU's encoder answers within 100 ms, with the cores that read for it.

Posts arrive at random (Poisson) at so many a second. The cores normalise them, ask word lists and
draft, and cut pieces (bench/posts.py); every window then goes through the encoder on the GPU (no
early exit), in captured graphs of fixed sizes. A post is answered when the scores of its last
window are in the host's memory; its time counts from its arrival. No network is in between.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.desk import Desk, post_times
from bench.figures import last_line, quantile, row
from bench.gpu_scores import BATCHES, LENGTHS, Flight, Scorer, launch, operations
from bench.posts import MOST_PIECES, Readers
from bench.power import joule_counter, metered
from training.moderation.model import Encoder, Shape

BUDGET_MS = 100.0
LONGEST_ROUND_S = 60.0
HOPELESS = 0.5
"""Share in time under which no higher rate is tried."""
SMALL = Shape(width=48, layers=1, heads=2, inner=64)


def answer_all(scorer: Scorer, readers: Readers, desk: Desk, start: float, labels: int) -> Any:
    """Seconds after `start` at which each window was answered [shelves * most], nan for none."""
    answered = np.full(len(desk.shelves) * desk.most, np.nan)
    idle = [Flight.make(labels, scorer.gpu) for _ in range(2)]
    flying: list[Flight] = []
    batches = 0
    while True:
        if time.monotonic() - start > LONGEST_ROUND_S:
            raise TimeoutError(f"a round has taken more than {LONGEST_ROUND_S} s")
        if flying and flying[0].landed:
            flight = flying.pop(0)
            answered[flight.windows] = time.monotonic() - start
            idle.append(flight)
        over = not flying and readers.finished()
        windows = desk.take(BATCHES[-1]) if idle else np.empty(0, np.int64)
        if len(windows):
            lengths = desk.read(windows, 2)
            order = np.argsort(lengths, kind="stable")
            flight = idle.pop()
            flight.windows = windows[order]
            launch(scorer, flight, desk.read(flight.windows, 1), lengths[order])
            flying.append(flight)
            batches += 1
        elif over:
            return answered, batches
        elif not flying:
            time.sleep(0.0002)


def offered(scorer: Scorer, readers: Readers, most: int, rate: float, seconds: float) -> Any:
    """One rate, and what became of it."""
    start, arrivals = readers.begin(rate, seconds, seed=int(rate))
    desk = Desk(readers.shelves, most)
    with metered(joule_counter() if scorer.gpu else None) as spent:
        answered, batches = answer_all(scorer, readers, desk, start, scorer.labels)
        took = time.monotonic() - start
    read = readers.collect()
    times = post_times(desk, answered, arrivals)
    windows = sum(int(view[0][0]) for view in desk.views)
    share = float((times <= BUDGET_MS).mean())
    return {
        "posts_s": round(len(times) / took),
        "in_100_ms": round(share, 5),
        **{f"p{p}_ms": round(quantile(times.tolist(), p / 100), 2) for p in (50, 99, 99.9)},
        "windows_a_run": round(windows / max(batches, 1), 1),
        "cores_reading": round(sum(each.cpu_s for each in read) / took, 2),
        "us_read_a_post": round(1e6 * sum(e.cpu_s for e in read) / len(times), 1),
        "millijoules_a_post": round(1000 * spent.joules / len(times), 3) if spent.joules else None,
        "holds": share >= 0.999,
    }


def encoder_alone(scorer: Scorer, labels: int, seconds: float) -> dict[str, dict[str, float]]:
    """Windows a second where batches follow each other, by length: what the device itself can."""
    found = {}
    flight = Flight.make(labels, scorer.gpu)
    for length in LENGTHS:
        count, done = BATCHES[-1], 0
        held = flight.pieces[: count * length].view(count, length).random_(4, 8000)
        began = time.perf_counter()
        while (took := time.perf_counter() - began) < seconds:
            scorer.put(held, flight.found)
            if scorer.gpu:
                torch.cuda.synchronize()
            done += count
        flops = operations(scorer.shape, length) * done / took
        found[f"length {length}"] = {
            "windows_s": round(done / took),
            "tflop_s": round(flops / 1e12, 3),
        }
    return found


@torch.inference_mode()
def exactness(scorer: Scorer, net: Encoder, texts: Sequence[str]) -> dict[str, float]:
    """Largest difference of a score, and ‖out - ref‖ / ‖ref‖, against float32 on the CPU."""
    from workers.engines.cascade_drafter import MODEL
    from workers.engines.cascade_pieces import BEGIN, END, read_pieces

    pieces = read_pieces(MODEL / "vocab.txt")
    rows = np.zeros((len(texts), MOST_PIECES), np.int16)
    for place, text in enumerate(texts):
        cut = [BEGIN, *pieces.encode(text.lower())[: MOST_PIECES - 2], END]
        rows[place, : len(cut)] = cut
    found = torch.full((len(texts), net.head.out_features), float("nan"))
    found = found.pin_memory() if scorer.gpu else found
    scorer.put(torch.from_numpy(rows), found)
    if scorer.gpu:
        torch.cuda.synchronize()
    wanted = net(torch.from_numpy(rows).long()).sigmoid()
    error = float((found - wanted).norm() / wanted.norm())
    if not error < 0.03:
        raise ValueError(f"scores are off by {error}, expected less than 0.03")
    return {"error": error, "largest": float((found - wanted).abs().max())}


@dataclass(slots=True)
class Bench:
    """What is measured so far."""

    options: argparse.Namespace
    figures: dict[str, Any] = field(default_factory=dict)

    def tell(self, name: str, found: dict[str, Any]) -> None:
        print(row(name, found), flush=True)
        self.figures[name] = found


def sweep(bench: Bench, scorer: Scorer, texts: Sequence[str]) -> None:
    options = bench.options
    most = int(max(options.rates) * options.seconds / options.cores) + 1
    readers = Readers(texts, options.cores, most)
    try:
        offered(scorer, readers, most * 4, options.rates[0], 1.0)
        highest = 0
        for rate in options.rates:
            found = offered(scorer, readers, most * 4, rate, options.seconds)
            bench.tell(f"{rate} posts/s offered", found)
            highest = rate if found["holds"] and rate > highest else highest
            if found["in_100_ms"] < HOPELESS:
                break
        bench.figures["highest_offered_that_holds"] = highest
    finally:
        readers.close()


def load(path: Path | None, small: bool) -> Encoder:
    if path is None:
        return Encoder(SMALL if small else Shape()).eval()
    from training.moderation.parts import load_encoder

    return load_encoder(path)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="example: python -m bench.gpu_moderation --texts posts.json"
    )
    cores = max(1, len(os.sched_getaffinity(0)) - 2)
    add = parser.add_argument
    add("--texts", type=Path, required=True, help="posts, a JSON array")
    add("--rates", type=int, nargs="+", default=[5000, 10000, 20000, 30000, 40000, 60000, 80000])
    add("--seconds", type=float, default=6.0, help="of each rate")
    add("--cores", type=int, default=cores, help="processes that read posts")
    add("--checkpoint", type=Path, help="trained weights; random ones are as quick")
    add("--small", action="store_true", help="a tiny net, to try the benchmark itself")
    add("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return parser.parse_args()


def main() -> None:
    options = parse()
    torch.manual_seed(0)
    bench = Bench(options)
    texts = json.loads(options.texts.read_text())
    net = load(options.checkpoint, options.small)
    labels = net.head.out_features
    failed: list[str] = []
    scorer = Scorer(copy.deepcopy(net), options.device)
    parts: list[Callable[[], object]] = [
        lambda: bench.tell("against float32", exactness(scorer, net, texts[:256])),
        lambda: bench.tell("the encoder alone", encoder_alone(scorer, labels, 1.0)),
        lambda: sweep(bench, scorer, texts),
    ]
    for part in parts:
        try:
            part()
        except Exception as error:  # what was measured so far is worth the run
            traceback.print_exc(file=sys.stdout)
            failed.append(f"{type(error).__name__}: {error}")
    print(last_line("gpu_moderation", {**bench.figures, "failed_parts": len(failed)}))
    if failed:
        sys.exit(f"error: {len(failed)} of {len(parts)} parts failed: {'; '.join(failed)}")


if __name__ == "__main__":
    main()
