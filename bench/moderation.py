"""Moderation as its users meet it: the gate over WebSocket and over HTTP, and the caption filter.

Each door's capacity is measured first: the most verdicts a second by the engine within the budget
that any rate of arrivals yields, raised by a fifth until three yield less in a row. (Before
2026-11-29 it was what a closed loop with a few posts under way was told a second, however late;
that is printed too, as `closed_loop`. It has little to do with the rate that is carried: with few
posts under way the ladder reads each of them with its best rung.) Then posts arrive by chance
(Poisson) at shares of the capacity, whether or not earlier ones have been answered. Client, service
and engine share the machine's cores, so capacity is theirs together; what each of them costs is
milliseconds of processor time a post. The texts are a sample of `--texts`, else a few sentences.
The filter runs in this process.
"""

from __future__ import annotations

import argparse
import asyncio
import lzma
import math
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import orjson

from bench.doors import DOORS, Answers, Door
from bench.figures import last_line, row
from bench.filtering import filter_figures
from bench.stack import Address, Stack, running
from stream.running import run

CONNECTIONS = 8
WARM_S = 3.0
PROBE_S = 3.0
RAISE = 1.2
SAMPLE = 2_000
TEXTS = ["what a lovely evening", "you are all bad", "see you tomorrow at eight", "hello"]


async def closed_loop(
    address: Address, name: str, texts: Sequence[str], seconds: float, waiting: int
) -> float:
    """Verdicts by an engine a second, with `waiting` posts under way on each connection."""
    answers = Answers()
    end = time.monotonic() + seconds

    async def repeat(door: Door, number: int) -> None:
        while time.monotonic() < end:
            answers.asked += 1
            text = texts[answers.asked % len(texts)]
            await door.ask(f"{number}-{answers.asked}", text, answers)

    async def connection(number: int) -> None:
        async with DOORS[name](address) as door, asyncio.TaskGroup() as tasks:
            for _ in range(waiting):
                tasks.create_task(repeat(door, number))

    async with asyncio.TaskGroup() as tasks:
        for number in range(CONNECTIONS):
            tasks.create_task(connection(number))
    return answers.judged(within_ms=math.inf) / seconds


async def find_capacity(address: Address, name: str, texts: Sequence[str]) -> float:
    """The most verdicts a second by the engine within the budget, whatever the rate of arrivals.

    Raised twice, as something else may have disturbed the first time.
    """
    first = await _raise(address, name, texts, 100.0)
    return max(first, await _raise(address, name, texts, first * 0.8))


async def _raise(address: Address, name: str, texts: Sequence[str], rate: float) -> float:
    best, worse = 0.0, 0
    while worse < 3:
        answers = await open_loop(address, name, texts, rate, PROBE_S)
        yielded = answers.judged() / PROBE_S
        worse = 0 if yielded > best else worse + 1
        best = max(best, yielded)
        rate *= RAISE
    return best


async def measured(
    address: Address, name: str, texts: Sequence[str], rate: float, seconds: float
) -> dict[str, Any]:
    """Figures of an open loop, and what a post costs each process."""
    before, began = address.processor_s(), time.process_time()
    answers = await open_loop(address, name, texts, rate, seconds)
    client_s = time.process_time() - began
    spent = {name: each - before[name] for name, each in address.processor_s().items()}
    each_ms = 1000 / max(1, answers.asked)
    costs = {**spent, "client": client_s}
    return answers.figures() | {
        f"{name}_cpu_ms": round(each * each_ms, 3) for name, each in costs.items()
    }


async def open_loop(
    address: Address, name: str, texts: Sequence[str], rate: float, seconds: float
) -> Answers:
    """Posts by chance at `rate` a second through one kind of door."""
    answers = Answers()

    async def arrive(number: int) -> None:
        chance = Random(f"{name} {rate} {number}")
        due = began = time.monotonic()
        async with DOORS[name](address) as door, asyncio.TaskGroup() as tasks:
            while (due := due + chance.expovariate(rate / CONNECTIONS)) < began + seconds:
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                answers.asked += 1
                text = texts[answers.asked % len(texts)]
                tasks.create_task(door.ask(f"{number}-{answers.asked}", text, answers))

    async with asyncio.TaskGroup() as tasks:
        for number in range(CONNECTIONS):
            tasks.create_task(arrive(number))
    return answers


def read_texts(path: Path | None) -> list[str]:
    """A sample of the `text` of each line of JSON (maybe .xz); a few sentences without a file."""
    if path is None:
        return TEXTS
    with lzma.open(path) if path.suffix == ".xz" else path.open("rb") as file:
        found = [orjson.loads(line)["text"][:2_000] for line in file]
    Random(0).shuffle(found)
    return found[:SAMPLE]


async def main(arguments: argparse.Namespace) -> None:
    texts = read_texts(arguments.texts)
    figures: dict[str, Any] = {"engine": arguments.engine, "texts": len(texts)}
    figures["filter"] = filter_figures(texts)
    print(row("caption filter", figures["filter"]), flush=True)
    config = {"messages_per_s": 1e6, "messages_burst": 1e6, "http_texts_per_s": 1e6}
    stack = Stack(engines={"moderation": arguments.engine}, kafka=arguments.kafka, config=config)
    async with running(stack) as address:
        for name in arguments.doors:
            await closed_loop(address, name, texts, WARM_S, arguments.waiting)
            closed = await closed_loop(address, name, texts, WARM_S, arguments.waiting)
            capacity = arguments.capacity or await find_capacity(address, name, texts)
            told = {"verdicts_per_s": round(capacity, 1), "closed_loop": round(closed, 1)}
            figures[f"{name} capacity"] = told
            print(row(f"{name} capacity", told), flush=True)
            for load in arguments.loads:
                rate = load * max(capacity, 1.0)
                found = await measured(address, name, texts, rate, arguments.seconds)
                figures[f"{name} {load}"] = found
                print(row(f"{name} {load:.0%}", figures[f"{name} {load}"]), flush=True)
    print(last_line("moderation", figures))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.moderation",
        description=__doc__,
        epilog="example: python -m bench.moderation --engine cascade --seconds 60",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--engine", default="rules", help="an engine by name")
    parser.add_argument("--texts", type=Path, help="lines of JSON with a `text` each, maybe .xz")
    parser.add_argument("--doors", nargs="+", choices=DOORS, default=list(DOORS))
    parser.add_argument("--loads", nargs="+", type=float, default=[0.2, 0.5, 0.8, 1.3])
    parser.add_argument("--seconds", type=float, default=15.0, help="for each load and door")
    parser.add_argument("--waiting", type=int, default=4, help="a connection, in the closed loop")
    parser.add_argument("--capacity", type=float, default=0, help="posts a second: not measured")
    parser.add_argument("--kafka", default="", help="HOST:PORT of a broker")
    return parser.parse_args()


if __name__ == "__main__":
    run(main(parse()))
