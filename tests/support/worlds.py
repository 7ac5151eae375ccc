"""The three worlds in which the bus contract is tested, and what its tests say again and again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

from stream.adapters.clock import AnchoredClock
from stream.adapters.kafka import KafkaBus, KafkaSettings, create_topics
from stream.adapters.memory import MemoryBus
from stream.core.records import Log, Record, Topic, Truncation
from stream.ports import Bus, Reader

PATIENCE_S = 30.0
"""A test that waits longer than this waits for nothing."""
READ_S = 0.5
"""One read; between two a reader sees that it is stuck."""

Kind = Literal["memory", "mock", "kafka"]


@dataclass
class World:
    """Buses on the same logs: `connect` is another process's view where there can be one."""

    kind: Kind
    connect: Callable[[], Awaitable[Bus]]


@asynccontextmanager
async def memory_world(limit_bytes: int = 16 * 1024 * 1024) -> AsyncIterator[World]:
    bus = MemoryBus(AnchoredClock(), "here", partitions=4, limit_bytes=limit_bytes)

    async def connect() -> Bus:
        return bus

    try:
        yield World("memory", connect)
    finally:
        await bus.close()


@asynccontextmanager
async def kafka_world(kind: Kind, settings: KafkaSettings) -> AsyncIterator[World]:
    if kind == "kafka":
        await create_topics(settings, partitions=4)
    async with AsyncExitStack() as stack:

        async def connect() -> Bus:
            bus = await KafkaBus.connect(settings, AnchoredClock())
            stack.push_async_callback(bus.close)
            return bus

        yield World(kind, connect)


@dataclass
class Moves:
    """A listener that remembers what it was told."""

    assigned_logs: list[frozenset[Log]] = field(default_factory=list)
    revoked_logs: list[frozenset[Log]] = field(default_factory=list)
    told: asyncio.Event = field(default_factory=asyncio.Event)

    async def assigned(self, logs: frozenset[Log]) -> None:
        self.assigned_logs.append(logs)
        self.told.set()

    async def revoked(self, logs: frozenset[Log]) -> None:
        self.revoked_logs.append(logs)


async def read_some(reader: Reader, count: int) -> list[Record]:
    """Read until there are `count` records; fails when they don't come. In short reads, as services
    do: between two a reader sees that it is stuck.
    """
    records: list[Record] = []
    async with asyncio.timeout(PATIENCE_S):
        while len(records) < count:
            records += (await reader.read(count - len(records), READ_S)).records
    return records


async def read_truncation(reader: Reader) -> Truncation:
    """Read until the reader is told of a loss."""
    async with asyncio.timeout(PATIENCE_S):
        while not (truncated := (await reader.read(100, PATIENCE_S)).truncated):
            pass
    return truncated[0]


async def wait_assigned(reader: Reader, wanted: Callable[[frozenset[Log]], bool]) -> None:
    """Read (as a worker would) until the reader's share is as wanted."""
    async with asyncio.timeout(PATIENCE_S):
        while not wanted(reader.assignment()):
            await reader.read(1, 0.02)


def logs_of(*topics: Topic) -> frozenset[Log]:
    """All logs of these topics in a world."""
    return frozenset(Log(topic, partition) for topic in topics for partition in range(4))


def by_log(records: Iterable[Record]) -> dict[Log, list[Record]]:
    found: dict[Log, list[Record]] = {}
    for record in records:
        found.setdefault(record.log, []).append(record)
    return found
