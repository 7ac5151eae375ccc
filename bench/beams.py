"""How many streams' lexicon beams this machine's cores carry: the shipped words decoder, one
process a core, fed with the recogniser's own log-probs chunk by chunk.

`--scores`: an .npz whose arrays are phone log-probs [frames, classes] of recordings. Each chunk is
stepped and the best words read, as for a partial; what is over is closed and begun anew.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.figures import last_line, row, summary

FRAME_MS = 40
Floats = NDArray[np.float32]


def read_scores(path: Path, most: int) -> list[Floats]:
    """The first `most` recordings."""
    with np.load(path) as held:
        return [held[name].astype(np.float32) for name in held.files[:most]]


def chunk_times(recordings: Sequence[Floats], frames: int, seconds: float) -> list[float]:
    """Milliseconds of each chunk, on one core, for so long."""
    from workers.engines.conformer.model import Model
    from workers.engines.conformer.words import Vocabulary

    vocabulary = Vocabulary(Model())
    found: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for scores in recordings:
            beam = vocabulary.beam()
            for begin in range(0, len(scores), frames):
                started = time.perf_counter()
                beam.step(scores[begin : begin + frames])
                beam.best()
                if begin + frames >= len(scores):
                    beam.close()
                found.append(1000 * (time.perf_counter() - started))
    return found


def measure(
    path: Path, chunk_ms: int, cores: int, seconds: float, most: int = 40
) -> dict[str, float]:
    """All cores at once; `streams`: chunks done a second over chunks that a stream has."""
    recordings = read_scores(path, most)
    job = (recordings, chunk_ms // FRAME_MS, seconds)
    with multiprocessing.get_context("spawn").Pool(cores) as pool:
        times = pool.starmap(chunk_times, [job] * cores)
    rates = [1000 * len(each) / sum(each) for each in times]
    together = summary([taken for each in times for taken in each])
    return {
        "cores": cores,
        "chunk_ms": chunk_ms,
        "p50_ms": together["p50"],
        "p99_ms": together["p99"],
        "mean_ms": round(1000 * cores / sum(rates), 4),
        "streams": int(sum(rates) * chunk_ms / 1000),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="example: python -m bench.beams --scores scores.npz"
    )
    parser.add_argument("--scores", type=Path, required=True)
    parser.add_argument("--chunks", type=int, nargs="+", default=[320, 160], help="milliseconds")
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--seconds", type=float, default=10.0, help="for each length of chunk")
    options = parser.parse_args()
    figures = {}
    for chunk in options.chunks:
        found = measure(options.scores, chunk, options.cores, options.seconds)
        print(row(f"beams, {chunk} ms", found), flush=True)
        figures[f"{chunk} ms"] = found
    print(last_line("beams", figures))


if __name__ == "__main__":
    main()
