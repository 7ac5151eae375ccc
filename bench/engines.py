"""What an engine's process costs, and what the shipped engines cost.

Round trips are wall time between asking and having the answers, with an engine that takes no time.
What engines compute is CPU time, so that a busy machine changes it little.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from bench.figures import last_line, row, summary
from stream.core.messages import Rung
from tests.support.scripted import SCRIPTED
from tests.support.speech import read_speech
from workers.core.endpoint import FRAME_SAMPLES
from workers.engines import pocketsphinx, rules
from workers.engines.process import EngineProcess
from workers.engines.silero import CONTEXT_SAMPLES, EMPTY, SpeechDetector
from workers.ports import Audio, Engine, Judge, Question, Task

CHUNK_SAMPLES = 5_120
SECONDS = len(read_speech()) / 32_000
PLAIN = "what a lovely day in the park with all my friends "


async def round_trips(
    task: Task, ask: Callable[[int], Sequence[Question]], runs: int
) -> list[float]:
    """Milliseconds of each run; the first tenth is left out."""
    found = []
    async with EngineProcess(SCRIPTED, task, {"task": task}) as engine:
        for number in range(runs):
            questions = ask(number)
            began = time.perf_counter()
            await engine.run(Rung.DRAFT, questions, 10.0)
            found.append((time.perf_counter() - began) * 1000)
    return found[runs // 10 :]


def judged(batch: int) -> Callable[[int], Sequence[Question]]:
    return lambda number: [Judge(text=PLAIN)] * batch


def heard(batch: int) -> Callable[[int], Sequence[Question]]:
    return lambda number: [chunk(f"s{stream}", number) for stream in range(batch)]


def chunk(stream: str, number: int) -> Audio:
    pcm = bytes(2 * CHUNK_SAMPLES)
    return Audio(stream=stream, start=number * CHUNK_SAMPLES, pcm=pcm, fresh=not number)


async def pipe(runs: int) -> dict[str, dict[str, float]]:
    return {
        "pipe, 1 text": summary(await round_trips("moderation", judged(1), runs)),
        "pipe, 16 texts": summary(await round_trips("moderation", judged(16), runs)),
        "pipe, 320 ms of audio": summary(await round_trips("captions", heard(1), runs)),
        "pipe, 320 ms of 16 streams": summary(await round_trips("captions", heard(16), runs)),
    }


def detector() -> dict[str, float]:
    """Milliseconds of CPU for a second of audio."""
    samples = np.frombuffer(read_speech(), "<i2")
    speech, state = SpeechDetector(), EMPTY
    began = time.process_time()
    for begin in range(CONTEXT_SAMPLES, len(samples) - FRAME_SAMPLES, FRAME_SAMPLES):
        frame = samples[begin - CONTEXT_SAMPLES : begin + FRAME_SAMPLES]
        ((_, state),) = speech.step([state], list(speech.features(frame[np.newaxis])))
    return {"ms a second": round((time.process_time() - began) * 1000 / SECONDS, 2)}


def recogniser() -> dict[str, float]:
    """CPU seconds for a second of audio in chunks of 320 ms, and MiB for each open segment."""
    engine = pocketsphinx.make_engine(decoders=1)
    before = private_mib()
    began = time.process_time()
    transcribe(engine)
    taken = time.process_time() - began
    grown = private_mib()
    held = pocketsphinx.SphinxDecoder(2, 2)
    a_decoder = (private_mib() - grown) / 2
    del held
    return {
        "RTF": round(taken / SECONDS, 3),
        "MiB a decoder": round(a_decoder, 1),
        "MiB grown by use": round(grown - before, 1),
    }


def transcribe(engine: Engine) -> None:
    pcm = read_speech()
    for begin in range(0, len(pcm), 2 * CHUNK_SAMPLES):
        piece = pcm[begin : begin + 2 * CHUNK_SAMPLES]
        engine.run(Rung.DRAFT, [Audio(stream="s", start=begin // 2, pcm=piece, fresh=begin == 0)])


def private_mib() -> float:
    rollup = Path("/proc/self/smaps_rollup").read_text(encoding="ascii")
    (line,) = (line for line in rollup.splitlines() if line.startswith("Private_Dirty"))
    return int(line.split()[1]) / 1024


def rule_texts() -> dict[str, str]:
    return {
        "rules, 50 characters": PLAIN,
        "rules, 16,000 characters": PLAIN * 320,
        "rules, 16,000 in leet": PLAIN.replace("a", "4").replace("i", "1") * 320,
        "rules, 16,000 accented": PLAIN.replace("a", "à").replace("i", "î") * 320,
        "rules, 16,000 dragged": PLAIN.replace("o", "ooo")[:50] * 320,
        "rules, 16,000 spaced": "s h i t " * 2_000,
    }


def judge_rules() -> dict[str, dict[str, float]]:
    engine = rules.make_engine()
    return {name: {"ms": round(judge_time(engine, text), 3)} for name, text in rule_texts().items()}


def judge_time(engine: Engine, text: str, runs: int = 20) -> float:
    began = time.process_time()
    for _ in range(runs):
        engine.run(Rung.DRAFT, [Judge(text=text)])
    return (time.process_time() - began) * 1000 / runs


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="example: python -m bench.engines --runs 2000"
    )
    parser.add_argument("--runs", type=int, default=2_000, help="round trips of each kind")
    runs = parser.parse_args().runs
    figures: dict[str, dict[str, float]] = asyncio.run(pipe(runs))
    figures |= {"silero": detector(), "pocketsphinx": recogniser()}
    figures |= judge_rules()
    for name, found in figures.items():
        print(row(name, found))
    print(last_line("engines", figures))


if __name__ == "__main__":
    main()
