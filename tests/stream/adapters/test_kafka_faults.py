"""The Kafka bus while brokers are paused, stopped, killed and damaged."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from scripts.kafka import Broker, Cluster
from stream.adapters.clock import AnchoredClock
from stream.adapters.kafka import KafkaBus, KafkaSettings, create_topics
from stream.core.errors import BusGone
from stream.core.records import Log, Record, Topic, Truncation
from stream.ports import Bus, Reader
from tests.support.broker import StartCluster
from tests.support.worlds import PATIENCE_S, Moves, logs_of, read_some

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(180)]

Connect = Callable[[Cluster], Awaitable[KafkaBus]]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    async with AsyncExitStack() as stack:

        async def connect(cluster: Cluster) -> KafkaBus:
            settings = KafkaSettings(
                bootstrap=cluster.bootstrap,
                prefix="test.",
                delivery_s=1.0,
                answer_s=1.5,
                session_s=2.0,
                stuck_s=2.0,
            )
            await create_topics(settings, partitions=4)
            bus = await KafkaBus.connect(settings, AnchoredClock())
            stack.push_async_callback(bus.close)
            return bus

        yield connect


async def test_a_paused_broker_is_waited_for_and_then_used_again(
    start_cluster: StartCluster, connect: Connect
) -> None:
    cluster = start_cluster(1)
    (broker,) = cluster.brokers
    bus = await connect(cluster)
    moves = Moves()
    reader = await bus.join("judges", "one", [Topic.POSTS], moves)
    await bus.publish(Topic.POSTS, "news", b"before", {})
    await read_some(reader, 1)

    broker.pause()
    with pytest.raises(BusGone, match=r"within 1\.0 s"):
        await bus.publish(Topic.POSTS, "news", b"lost", {})
    with pytest.raises(BusGone):
        await bus.ends(logs_of(Topic.POSTS))
    with pytest.raises(BusGone):
        await reader.commit(dict.fromkeys(logs_of(Topic.POSTS), 0))
    assert (await reader.read(1, 0.1)).records == ()

    broker.resume()
    await publish_at_last(bus, b"after")
    await read_until(reader, b"after")


async def test_a_restarted_broker_loses_no_acknowledged_record(
    start_cluster: StartCluster, connect: Connect
) -> None:
    cluster = start_cluster(1)
    (broker,) = cluster.brokers
    bus = await connect(cluster)
    member = await bus.join("judges", "one", [Topic.POSTS], Moves())
    tail = await bus.tail(logs_of(Topic.POSTS), 0)
    sent = [b"%d" % number for number in range(100)]
    for value in sent[:50]:
        await bus.publish(Topic.POSTS, "news", value, {})
    first = [await read_some(reader, 50) for reader in (member, tail)]
    await member.commit({first[0][-1].log: first[0][-1].offset + 1})

    await asyncio.to_thread(restart, broker)
    for value in sent[50:]:
        await publish_at_last(bus, value)
    for reader in (member, tail):
        assert set(sent[50:]) <= set(await read_until(reader, sent[-1]))


async def test_closing_is_bounded_while_the_broker_is_away(
    start_cluster: StartCluster, connect: Connect
) -> None:
    cluster = start_cluster(1)
    bus = await connect(cluster)
    reader = await bus.join("judges", "one", [Topic.POSTS], Moves())
    cluster.brokers[0].pause()
    future = bus.publish_nowait(Topic.POSTS, "news", b"", {})
    await asyncio.wait_for(reader.close(), PATIENCE_S)
    await asyncio.wait_for(bus.close(), PATIENCE_S)
    with pytest.raises(BusGone):
        future.result()


async def test_a_damaged_record_is_passed_and_told(
    start_cluster: StartCluster, connect: Connect, tmp_path: Path
) -> None:
    cluster = start_cluster(1)
    bus = await connect(cluster)
    sent = (b"whole-1", b"damaged", b"whole-2")
    log = Log(Topic.POSTS, bus.partition_of("news"))
    for value in sent:
        await bus.publish(Topic.POSTS, "news", value, {})
    damage(tmp_path / "1" / "data", log, b"damaged")
    reader = await bus.join("judges", "one", [Topic.POSTS], Moves())
    records: list[Record] = []
    truncated: list[Truncation] = []
    async with asyncio.timeout(PATIENCE_S):
        while len(records) < 2:
            batch = await reader.read(10, PATIENCE_S)
            records += batch.records
            truncated += batch.truncated
    assert [record.value for record in records] == [b"whole-1", b"whole-2"]
    assert truncated == [(log, 1, 2)]


async def test_a_killed_leader_loses_no_acknowledged_record(
    start_cluster: StartCluster, connect: Connect
) -> None:
    """Of three brokers one dies; the others lead on, and what was acknowledged is read."""
    cluster = start_cluster(3)
    bus = await connect(cluster)
    tail = await bus.tail(logs_of(Topic.POSTS), 0)
    acknowledged = []
    for number in range(200):
        if number == 50:
            await asyncio.to_thread(cluster.brokers[0].kill)
        value = b"%d" % number
        await publish_at_last(bus, value, key=f"channel-{number % 9}")
        acknowledged.append(value)
    values: set[bytes] = set()
    async with asyncio.timeout(PATIENCE_S):
        while not values >= set(acknowledged):
            values |= {record.value for record in (await tail.read(100, 0.2)).records}


def restart(broker: Broker) -> None:
    broker.stop()
    broker.start()
    broker.wait_ready()


def damage(folder: Path, log: Log, value: bytes) -> None:
    """Turn a byte of a record on the broker's disk, which sends what it finds there."""
    (segment,) = (folder / f"test.{log.topic}-{log.partition}").glob("*.log")
    data = segment.read_bytes()
    place = data.index(value)
    with segment.open("r+b") as file:
        file.seek(place)
        file.write(bytes([value[0] ^ 0xFF]))


async def publish_at_last(bus: Bus, value: bytes, key: str = "news") -> None:
    """Repeat until it is acknowledged, as a worker does."""
    async with asyncio.timeout(60):
        while True:
            try:
                await bus.publish(Topic.POSTS, key, value, {})
            except BusGone:
                continue
            return


async def read_until(reader: Reader, value: bytes) -> list[bytes]:
    """All values up to this one, in many short reads, as a worker does."""
    values: list[bytes] = []
    until = time.monotonic() + 60
    while value not in values:
        assert time.monotonic() < until, f"{len(values)} records came, but not {value!r}"
        try:
            values += [record.value for record in (await reader.read(100, 0.2)).records]
        except BusGone:
            continue
    return values
