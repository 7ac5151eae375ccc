"""Moderation as its users meet it: the gate over WebSocket and over HTTP, and the caption filter.

Each door's capacity is measured first, in a closed loop. Then posts arrive by chance (Poisson) at
shares of it, whether or not earlier ones have been answered. Client, service and engine share the
machine's cores, so capacity is theirs together. The texts are a sample of `--texts`, else a few
sentences. The filter runs in this process.
"""

from __future__ import annotations

import argparse
import asyncio
import lzma
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Protocol
from urllib.parse import urlsplit

import orjson

from bench.figures import last_line, row, summary
from bench.filtering import filter_figures
from bench.stack import Address, Stack, running
from stream.client import Client, Server, connected
from stream.core.messages import Verdict
from stream.core.requests import Gate

BUDGET_MS = 100
CONNECTIONS = 8
WARM_S = 3.0
CHANNELS = 32
SAMPLE = 2_000
POOL = 32
"""HTTP connections of each of CONNECTIONS clients."""
TEXTS = ["what a lovely evening", "you are all bad", "see you tomorrow at eight", "hello"]


@dataclass
class Answers:
    """Milliseconds at the client by the rung that answered, and what got no verdict.

    `served_late`: over the budget by the service's own clock, from a request's arrival to the
    write of its answer.
    """

    asked: int = 0
    refused: int = 0
    served_late: int = 0
    took_ms: dict[str, list[float]] = field(default_factory=dict)

    def add(self, rung: str, took_ms: float, served_ms: float) -> None:
        self.took_ms.setdefault(rung, []).append(took_ms)
        self.served_late += served_ms > BUDGET_MS

    def figures(self) -> dict[str, Any]:
        every = [ms for each in self.took_ms.values() for ms in each]
        asked = max(1, self.asked)
        return {
            "asked": self.asked,
            "answered": round(len(every) / asked, 5),
            "in_budget": round(sum(ms <= BUDGET_MS for ms in every) / asked, 5),
            "refused": self.refused,
            "served_late": self.served_late,
            **{rung: len(each) for rung, each in sorted(self.took_ms.items())},
            **summary(every),
        }


class Door(Protocol):
    """One way to ask the gate; `ask` returns once the verdict is there."""

    async def ask(self, name: str, text: str, answers: Answers) -> None: ...


class WebSocketDoor:
    """Several questions under way on one connection."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._waiting: dict[str, asyncio.Future[Verdict]] = {}

    async def listen(self) -> None:
        while True:
            message = await self._client.receive()
            if isinstance(message, Verdict):
                self._waiting.pop(message.id).set_result(message)

    async def ask(self, name: str, text: str, answers: Answers) -> None:
        verdict = self._waiting[name] = asyncio.get_running_loop().create_future()
        began = time.monotonic()
        channel = f"chat-{answers.asked % CHANNELS}"
        await self._client.send(Gate(id=name, channel=channel, text=text, budget_ms=BUDGET_MS))
        told = await verdict
        took_ms = (time.monotonic() - began) * 1000
        answers.add(told.rung, took_ms, told.latency.total_ms)


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class HttpDoor:
    """OpenAI's shape over connections that are kept, one for each question under way, POOL at most:
    whoever finds none free waits for one, and that counts.

    Written by hand: a full client takes more of a core for a request than the gate does.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._free: list[Connection] = []
        self._pool = asyncio.Semaphore(POOL)

    async def ask(self, name: str, text: str, answers: Answers) -> None:
        channel = f"chat-{answers.asked % CHANNELS}"
        body = orjson.dumps({"input": text, "budget_ms": BUDGET_MS, "channel": channel})
        began = time.monotonic()
        async with self._pool:
            status, answer = await self._post(body)
        took_ms = (time.monotonic() - began) * 1000
        if status == 200:
            told = orjson.loads(answer)["results"][0]
            answers.add(told["rung"], took_ms, told["latency"]["total_ms"])
        else:
            answers.refused += 1

    async def close(self) -> None:
        for _, writer in self._free:
            writer.close()

    async def _post(self, body: bytes) -> tuple[int, bytes]:
        """Over a kept connection, or a new one where the server has closed that meanwhile."""
        while self._free:
            connection = self._free.pop()
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                found = await _post(connection, self._host, body)
                self._free.append(connection)
                return found
        connection = await asyncio.open_connection(self._host, self._port)
        found = await _post(connection, self._host, body)
        self._free.append(connection)
        return found


async def _post(connection: Connection, host: str, body: bytes) -> tuple[int, bytes]:
    reader, writer = connection
    lines = ("POST /v1/moderations HTTP/1.1", f"Host: {host}", f"Content-Length: {len(body)}")
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)
    status, *fields = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
    sizes = [line[15:] for line in fields if line.lower().startswith(b"content-length:")]
    return int(status.split()[1]), await reader.readexactly(int(sizes[0]))


@asynccontextmanager
async def websocket(address: Address) -> AsyncIterator[Door]:
    async with connected(Server(address.url)) as client:
        door = WebSocketDoor(client)
        listening = asyncio.create_task(door.listen())
        try:
            yield door
        finally:
            listening.cancel()


@asynccontextmanager
async def http(address: Address) -> AsyncIterator[Door]:
    at = urlsplit(address.http)
    door = HttpDoor(at.hostname or "", at.port or 0)
    try:
        yield door
    finally:
        await door.close()


DOORS = {"websocket": websocket, "http": http}


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
    judged = sum(len(each) for rung, each in answers.took_ms.items() if rung != "repeat")
    return judged / seconds


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
            capacity = await closed_loop(address, name, texts, arguments.seconds, arguments.waiting)
            figures[f"{name} capacity"] = round(capacity, 1)
            print(row(f"{name} capacity", {"verdicts_per_s": round(capacity, 1)}), flush=True)
            for load in arguments.loads:
                rate = load * max(capacity, 1.0)
                answers = await open_loop(address, name, texts, rate, arguments.seconds)
                figures[f"{name} {load}"] = answers.figures()
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
    parser.add_argument("--waiting", type=int, default=4, help="a connection, for the capacity")
    parser.add_argument("--kafka", default="", help="HOST:PORT of a broker")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main(parse()))
