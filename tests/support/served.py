"""A gateway with its servers on loopback, and what speaks to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from stream.adapters.clock import AnchoredClock
from stream.adapters.memory import MemoryBus
from stream.config import Config
from stream.core import wire
from stream.core.messages import Verdict
from stream.core.records import Log, Origin, PostJob, Record, Result, Topic
from stream.gateway import Gateway
from stream.ports import Bus
from stream.serving import serving
from tests.support.worlds import READ_S

PATIENCE_S = 20.0
SECRET = "a secret of more than thirty-two bytes"
PARTITIONS = 2
Fields = dict[str, Any]


class Speaker:
    """A client that says and hears plain JSON; what it does not look for stays in `heard`."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.heard: list[Fields] = []

    async def say(self, **fields: Any) -> None:
        await self.connection.send(orjson.dumps(fields).decode())

    async def hear(self, kind: str) -> Fields:
        """The next message of this type, also if it came before. Fails when it doesn't come."""
        for place, message in enumerate(self.heard):
            if message["type"] == kind:
                return self.heard.pop(place)
        async with asyncio.timeout(PATIENCE_S):
            while (message := orjson.loads(await self.connection.recv()))["type"] != kind:
                self.heard.append(message)
        return message

    async def ask(self, answer: str, **fields: Any) -> Fields:
        await self.say(**fields)
        return await self.hear(answer)

    async def close_code(self) -> int | None:
        """Read to the end; what comes until then is kept."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    self.heard.append(orjson.loads(await self.connection.recv()))
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None


@dataclass
class Served:
    """Where a gateway is, and the bus behind it."""

    bus: Bus
    clock: AnchoredClock
    gateway: Gateway
    port: int
    http_port: int

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/v1/stream"

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @asynccontextmanager
    async def speaker(self, token: str = "", **options: Any) -> AsyncIterator[Speaker]:
        url = f"{self.url}?token={token}" if token else self.url
        async with connect(url, compression=None, proxy=None, **options) as connection:
            yield Speaker(connection)

    async def write(self, topic: Topic, key: str, result: Result, to: str = "") -> None:
        """What a worker would publish."""
        origin = Origin(owner="worker", arrived=self.clock.now(), budget_ms=1_000, to=to)
        payload = wire.encode_result(result, origin)
        await self.bus.publish(topic, key, payload.value, payload.headers)

    async def read(self, topic: Topic, count: int) -> list[Record]:
        """The first records of a topic; fails when they don't come."""
        logs = [Log(topic, partition) for partition in range(self.bus.partitions)]
        reader = await self.bus.tail(logs, 1e9)
        records: list[Record] = []
        async with asyncio.timeout(PATIENCE_S):
            while len(records) < count:
                records += (await reader.read(100, READ_S)).records
        await reader.close()
        return records


@asynccontextmanager
async def served(bus: Bus | None = None, **settings: Any) -> AsyncIterator[Served]:
    """A gateway that has read its logs; `bus` belongs to the caller."""
    clock = AnchoredClock()
    own = bus or MemoryBus(clock, "here", partitions=PARTITIONS)
    config = Config.load(**{"port": 0, "http_port": 0, **settings})
    async with serving(config, own, clock) as running:
        yield Served(own, clock, running.gateway, running.port, running.http_port)
    if bus is None:
        await own.close()


@asynccontextmanager
async def moderating(
    house: Served, judge: Callable[[PostJob], Verdict | None]
) -> AsyncIterator[None]:
    """A worker that answers posts with what `judge` says."""
    logs = [Log(Topic.POSTS, partition) for partition in range(house.bus.partitions)]
    reader = await house.bus.tail(logs, 0)

    async def work() -> None:
        while True:
            for record in (await reader.read(100, READ_S)).records:
                job = wire.decode_post(record)
                if (verdict := judge(job)) is not None:
                    await house.write(Topic.VERDICTS, job.channel, verdict, to=job.gateway)

    async with asyncio.TaskGroup() as tasks:
        working = tasks.create_task(work())
        yield
        working.cancel()
