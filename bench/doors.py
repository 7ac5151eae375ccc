"""The gate's two doors as a client meets them, and what it was answered when.

Lean: what a client costs is taken from the service where both share the machine's cores.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

import orjson

from bench.figures import summary
from bench.stack import Address
from stream.client import Client, Server, connected
from stream.core.messages import Verdict
from stream.core.requests import Gate

BUDGET_MS = 100
CHANNELS = 32
POOL = 100
"""HTTP connections of each client, as httpx has by default. All together they must be more than
the posts that arrive within a budget: else it is the client that lets them wait.
"""


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

    def judged(self, within_ms: float = BUDGET_MS) -> int:
        """Verdicts by the engine that came so soon."""
        engines = [each for rung, each in self.took_ms.items() if rung != "repeat"]
        return sum(ms <= within_ms for each in engines for ms in each)

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


class _Kept(asyncio.Protocol):
    """A connection that is kept; one request at a time, its answer's head and body."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._answer: asyncio.Future[tuple[bytes, bytes]] | None = None
        self._read = b""
        self.is_open = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("the server closed"))

    def data_received(self, data: bytes) -> None:
        self._read = read = self._read + data
        end = read.find(b"\r\n\r\n") + 4
        if end < 4 or self._answer is None:
            return
        at = read.lower().index(b"\r\ncontent-length:", 0, end) + 17
        if len(read) >= end + int(read[at : read.index(b"\r", at)]):
            self._read = b""
            self._answer.set_result((read[:end], read[end:]))

    async def post(self, request: bytes) -> tuple[bytes, bytes]:
        """Raises ConnectionError."""
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self._answer


class HttpDoor:
    """OpenAI's shape over connections that are kept, one for each question under way, POOL at most:
    whoever finds none free waits for one, and that counts.

    Written by hand: a full client takes more of a core for a request than the gate does.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._head = f"POST /v1/moderations HTTP/1.1\r\nHost: {host}\r\nContent-Length: ".encode()
        self._free: list[_Kept] = []
        self._pool = asyncio.Semaphore(POOL)

    async def ask(self, name: str, text: str, answers: Answers) -> None:
        channel = f"chat-{answers.asked % CHANNELS}"
        body = orjson.dumps({"input": text, "budget_ms": BUDGET_MS, "channel": channel})
        request = b"%b%d\r\n\r\n%b" % (self._head, len(body), body)
        began = time.monotonic()
        async with self._pool:
            head, answer = await self._post(request)
        took_ms = (time.monotonic() - began) * 1000
        if head.startswith(b"HTTP/1.1 200 "):
            told = orjson.loads(answer)["results"][0]
            answers.add(told["rung"], took_ms, told["latency"]["total_ms"])
        else:
            answers.refused += 1

    async def close(self) -> None:
        for connection in self._free:
            connection.transport.close()

    async def _post(self, request: bytes) -> tuple[bytes, bytes]:
        """Over a kept connection, or a new one where the server has closed that meanwhile."""
        while self._free:
            connection = self._free.pop()
            if connection.is_open:
                with suppress(ConnectionError):
                    found = await connection.post(request)
                    self._free.append(connection)
                    return found
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Kept, self._host, self._port)
        found = await connection.post(request)
        self._free.append(connection)
        return found


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
