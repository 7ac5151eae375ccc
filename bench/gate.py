"""The gate under load: how long a verdict takes, and whether each one comes within its budget.

Capacity is measured first: the posts that an engine judges in a closed loop, once it is warm. Then
posts arrive by chance (Poisson) at shares of it, whether or not earlier ones have been answered.
The engine takes a fixed time for each batch and post, so that it is the bottleneck; with
`--engine rules` it is the real one.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from dataclasses import dataclass, field
from random import Random
from typing import Any

from bench.figures import last_line, row, summary
from bench.stack import SCRIPTED, Address, Stack, running
from stream.client import Client, Server, connected
from stream.core.messages import Error, Rung, Verdict
from stream.core.requests import Gate

BUDGET_MS = 100
CONNECTIONS = 8
WARM_S = 3.0
TEXTS = ["what a lovely evening", "you are all bad", "see you tomorrow at eight", "hello"]


@dataclass
class Answers:
    """Milliseconds at the client: verdicts by an engine, and those of the channel's policy.

    `served_late`: over the budget by the service's own clock, from a request's arrival to the
    write of its answer.
    """

    asked: int = 0
    judged: list[float] = field(default_factory=list)
    fallen_back: list[float] = field(default_factory=list)
    refused: int = 0
    served_late: int = 0

    def figures(self) -> dict[str, Any]:
        every = self.judged + self.fallen_back
        in_budget = sum(ms <= BUDGET_MS for ms in every)
        return {
            "asked": self.asked,
            "answered": round(len(every) / max(1, self.asked), 5),
            "in_budget": round(in_budget / max(1, self.asked), 5),
            "judged": round(len(self.judged) / max(1, self.asked), 4),
            "refused": self.refused,
            "served_late": self.served_late,
            **summary(every),
        }


async def closed_loop(address: Address, seconds: float, waiting: int) -> float:
    """Verdicts by the engine a second, with `waiting` posts under way on each connection."""
    answers = Answers()
    async with asyncio.TaskGroup() as tasks:
        for number in range(CONNECTIONS):
            tasks.create_task(_repeat(address.url, number, seconds, waiting, answers))
    return len(answers.judged) / seconds


async def _repeat(url: str, number: int, seconds: float, waiting: int, answers: Answers) -> None:
    async with connected(Server(url)) as client:
        sent: dict[str, float] = {}
        for count in range(waiting):
            await _ask(client, f"{number}-{count}", sent, answers)
        end, count = time.monotonic() + seconds, waiting
        while time.monotonic() < end:
            await _receive(client, sent, answers)
            await _ask(client, f"{number}-{count}", sent, answers)
            count += 1


async def open_loop(address: Address, rate: float, seconds: float, seed: int) -> Answers:
    """Posts by chance at `rate` a second, over several connections."""
    answers = Answers()
    async with asyncio.TaskGroup() as tasks:
        for number in range(CONNECTIONS):
            chance = Random(seed * 1000 + number)
            tasks.create_task(_arrive(address.url, rate / CONNECTIONS, seconds, chance, answers))
    return answers


async def _arrive(url: str, rate: float, seconds: float, chance: Random, answers: Answers) -> None:
    async with connected(Server(url)) as client:
        sent: dict[str, float] = {}
        listening = asyncio.create_task(_listen(client, sent, answers))
        due, end, count = time.monotonic(), time.monotonic() + seconds, 0
        while due < end:
            due += chance.expovariate(rate)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await _ask(client, str(count), sent, answers)
            count += 1
        await asyncio.sleep(2 * BUDGET_MS / 1000)
        listening.cancel()


async def _listen(client: Client, sent: dict[str, float], answers: Answers) -> None:
    while True:
        await _receive(client, sent, answers)


async def _ask(client: Client, name: str, sent: dict[str, float], answers: Answers) -> None:
    text = TEXTS[answers.asked % len(TEXTS)]
    answers.asked += 1
    sent[name] = time.monotonic()
    channel = f"chat-{answers.asked % 32}"
    await client.send(Gate(id=name, channel=channel, text=text, budget_ms=BUDGET_MS))


async def _receive(client: Client, sent: dict[str, float], answers: Answers) -> None:
    message = await client.receive()
    if isinstance(message, Error):
        answers.refused += 1
    if isinstance(message, Verdict):
        took_ms = (time.monotonic() - sent.pop(message.id)) * 1000
        by_policy = message.rung is Rung.REPEAT
        answers.served_late += message.late or message.latency.total_ms > BUDGET_MS
        (answers.fallen_back if by_policy else answers.judged).append(took_ms)


async def main(arguments: argparse.Namespace) -> None:
    engine = SCRIPTED if arguments.engine == "scripted" else arguments.engine
    took = {"delay_s": arguments.batch_ms / 1000, "each_s": arguments.post_ms / 1000}
    options = took if engine == SCRIPTED else {}
    stack = Stack(
        engines={"moderation": engine},
        options={"moderation": options},
        kafka=arguments.kafka,
        config={"messages_per_s": 1e6, "messages_burst": 1e6},
    )
    loads: dict[str, Any] = {}
    async with running(stack) as address:
        await closed_loop(address, WARM_S, arguments.waiting)
        capacity = await closed_loop(address, arguments.seconds, arguments.waiting)
        print(row("capacity", {"verdicts_per_s": round(capacity)}), flush=True)
        for load in arguments.loads:
            answers = await open_loop(address, load * capacity, arguments.seconds, int(load * 100))
            loads[str(load)] = answers.figures()
            print(row(f"load {load:.0%}", loads[str(load)]), flush=True)
    print(last_line("gate", {"engine": arguments.engine, "capacity": capacity, "loads": loads}))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.gate",
        description=__doc__,
        epilog="example: python -m bench.gate --engine rules --loads 0.2 0.5 0.8 1.3",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--engine", default="scripted", help="scripted (default) or a real one")
    parser.add_argument("--batch-ms", type=float, default=4.0, help="scripted: for each batch")
    parser.add_argument("--post-ms", type=float, default=2.0, help="scripted: for each post")
    parser.add_argument("--loads", nargs="+", type=float, default=[0.2, 0.5, 0.8, 1.3])
    parser.add_argument("--seconds", type=float, default=15.0, help="for each load")
    parser.add_argument("--waiting", type=int, default=4, help="a connection, for the capacity")
    parser.add_argument("--kafka", default="", help="HOST:PORT of a broker")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main(parse()))
