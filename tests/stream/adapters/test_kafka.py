"""What the Kafka bus does beyond the contract, on a healthy broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.errors import KafkaError

from stream.adapters.clock import AnchoredClock
from stream.adapters.kafka import KafkaBus, KafkaSettings, check_topics, create_topics
from stream.adapters.kafka.reader import KafkaReader
from stream.core.errors import BusError, BusFull, BusGone
from stream.core.records import Log, Record, Topic
from stream.ports import Reader
from tests.support.broker import new_prefix, real_settings
from tests.support.worlds import (
    PATIENCE_S,
    Moves,
    kafka_world,
    logs_of,
    read_some,
    read_truncation,
    wait_assigned,
)

pytestmark = pytest.mark.kafka

Connect = Callable[..., Awaitable[KafkaBus]]


@pytest.fixture
def settings(kafka: str) -> KafkaSettings:
    return real_settings(kafka, new_prefix())


@pytest.fixture
async def connect(settings: KafkaSettings) -> AsyncIterator[Connect]:
    """Buses on topics of their own, with settings changed by name."""
    buses: list[KafkaBus] = []

    async def connect(**changes: Any) -> KafkaBus:
        buses.append(await KafkaBus.connect(replace(settings, **changes), AnchoredClock()))
        return buses[-1]

    async with kafka_world("kafka", settings):
        yield connect
        for bus in buses:
            await bus.close()


class TestTopics:
    async def test_they_are_made_once_and_found_as_expected(self, settings: KafkaSettings) -> None:
        assert await create_topics(settings, partitions=2) == list(Topic)
        assert await create_topics(settings, partitions=2) == []
        assert await check_topics(settings) == []
        assert await check_topics(settings, partitions=2) == []

    async def test_what_is_missing_or_differs_is_named(self, settings: KafkaSettings) -> None:
        await make_topic(settings, settings.name(Topic.AUDIO), 3)
        differences = await check_topics(settings)
        assert f"{settings.name(Topic.POSTS)} is missing" in differences
        assert f"{settings.name(Topic.AUDIO)} has segment.ms 604800000, expected 60000" in (
            differences
        )
        assert f"{settings.name(Topic.AUDIO)} has partitions 3, expected 4" in (
            await check_topics(settings, partitions=4)
        )

    async def test_a_bus_needs_all_of_them(self, settings: KafkaSettings) -> None:
        with pytest.raises(BusError, match="are missing, expected all of them"):
            await KafkaBus.connect(settings, AnchoredClock())

    async def test_a_bus_waits_for_topics_that_are_just_being_made(
        self, settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("stream.adapters.kafka.admin.SETTLE_S", 60.0)
        connecting = asyncio.create_task(KafkaBus.connect(settings, AnchoredClock()))
        await asyncio.sleep(0.3)
        assert not connecting.done()
        await create_topics(settings, partitions=2)
        bus = await connecting
        assert bus.partitions == 2
        await bus.close()

    async def test_a_bus_needs_the_same_partitions(self, settings: KafkaSettings) -> None:
        await make_topic(settings, settings.name(Topic.AUDIO), 3)
        await create_topics(settings, partitions=2)
        with pytest.raises(BusError, match=r"audio 3, posts 2.*expected the same number"):
            await KafkaBus.connect(settings, AnchoredClock())


async def test_without_a_broker_there_is_no_bus() -> None:
    nowhere = KafkaSettings(bootstrap="127.0.0.1:1", connect_s=0.5)
    with pytest.raises(BusGone, match=r"no answer from 127\.0\.0\.1:1"):
        await KafkaBus.connect(nowhere, AnchoredClock())


async def test_identity_is_the_clusters(connect: Connect) -> None:
    first, second = await connect(), await connect()
    assert first.identity == second.identity
    assert len(first.identity) == 16


async def test_a_full_queue_refuses_and_a_publisher_waits(connect: Connect) -> None:
    bus = await connect(queue_limit=10)
    futures = [bus.publish_nowait(Topic.POSTS, "news", b"", {}) for _ in range(10)]
    with pytest.raises(BusFull, match="10 records wait"):
        bus.publish_nowait(Topic.POSTS, "news", b"", {})
    waiting = [asyncio.create_task(bus.publish(Topic.POSTS, "news", b"", {})) for _ in range(50)]
    positions = await asyncio.gather(*futures, *waiting)
    assert sorted(position.offset for position in positions) == list(range(60))


async def test_retention_is_told_with_its_bounds(connect: Connect, settings: KafkaSettings) -> None:
    bus = await connect()
    reader = await bus.join("judges", "one", [Topic.POSTS], Moves())
    log = (await bus.publish(Topic.POSTS, "news", b"", {})).log
    for _ in range(9):
        await bus.publish(Topic.POSTS, "news", b"", {})
    await read_some(reader, 10)
    await reader.commit({log: 2})
    await delete_before(settings, log, 6)
    await reader.seek(log, 2)
    assert await read_truncation(reader) == (log, 2, 6)
    assert [record.offset for record in await read_some(reader, 4)] == [6, 7, 8, 9]
    assert bus.statistics()["truncated"] == 4


async def test_foreign_records_do_not_raise(connect: Connect, settings: KafkaSettings) -> None:
    bus = await connect()
    reader = await bus.tail(logs_of(Topic.POSTS), 0)
    async with AIOKafkaProducer(bootstrap_servers=settings.bootstrap) as producer:
        name = settings.name(Topic.POSTS)
        await producer.send_and_wait(name, b"no key", None, partition=0)
        await producer.send_and_wait(name, None, b"\xff\xfe", partition=0)
        await producer.send_and_wait(
            name, b"", b"news", partition=0, headers=[("a", b"1"), ("a", b"2"), ("b", None)]
        )
    records = await read_some(reader, 3)
    assert [(record.key, record.value) for record in records] == [
        ("", b"no key"),
        ("\ufffd\ufffd", b""),
        ("news", b""),
    ]
    assert records[2].headers == {"a": b"2", "b": b""}


async def test_who_returns_in_time_finds_its_logs_and_nobody_moves(connect: Connect) -> None:
    topics = [Topic.POSTS]
    moves = Moves()
    first = await (await connect()).join("judges", "one", topics, moves)
    second = await (await connect()).join("judges", "two", topics, Moves())
    await wait_assigned(first, lambda logs: len(logs) == 2)
    await wait_assigned(second, lambda logs: len(logs) == 2)
    before = len(moves.assigned_logs)
    share = second.assignment()
    await second.close()
    second = await (await connect()).join("judges", "two", topics, Moves())
    assert second.assignment() == share
    await first.read(1, 0)
    assert len(moves.assigned_logs) == before


async def test_a_listener_has_a_bounded_time_to_give_up(connect: Connect) -> None:
    class Stuck(Moves):
        async def revoked(self, logs: frozenset[Log]) -> None:
            await asyncio.Event().wait()

    bus = await connect(answer_s=0.2)
    first = await bus.join("judges", "one", [Topic.POSTS], Stuck())
    second = await (await connect()).join("judges", "two", [Topic.POSTS], Moves())
    await wait_assigned(first, lambda logs: len(logs) == 2)
    await wait_assigned(second, lambda logs: len(logs) == 2)
    assert bus.statistics()["listener_failures"] == 1


async def test_a_stuck_reader_is_built_anew(connect: Connect) -> None:
    bus = await connect(stuck_s=0.5)
    reader = await bus.tail(logs_of(Topic.POSTS), 0)
    await bus.publish(Topic.POSTS, "news", b"before", {})
    await read_some(reader, 1)
    assert isinstance(reader, KafkaReader)
    stop_fetching(reader)
    await bus.publish(Topic.POSTS, "news", b"after", {})
    assert [record.value for record in await read_patiently(reader, 1)] == [b"after"]
    assert bus.statistics()["reader_rebuilds"] == 1


async def test_a_stuck_member_is_built_anew_and_its_listener_told(connect: Connect) -> None:
    bus = await connect(stuck_s=0.5)
    moves = Moves()
    reader = await bus.join("judges", "one", [Topic.POSTS], moves)
    stop_fetching(reader)
    await bus.publish(Topic.POSTS, "news", b"after", {})
    assert [record.value for record in await read_patiently(reader, 1)] == [b"after"]
    assert moves.revoked_logs == [logs_of(Topic.POSTS)]
    assert moves.assigned_logs == [logs_of(Topic.POSTS)] * 2
    assert bus.statistics()["reader_rebuilds"] == 1


async def test_a_member_whose_move_never_ends_is_built_anew(connect: Connect) -> None:
    bus = await connect(stuck_s=0.5, session_s=1.0)
    moves = Moves()
    reader = await bus.join("judges", "one", [Topic.POSTS], moves)
    await bus.publish(Topic.POSTS, "news", b"after", {})
    await reader.give_up(frozenset())  # as when a rebalance begins, and then nothing more comes
    assert reader.assignment() == frozenset()
    assert [record.value for record in await read_patiently(reader, 1)] == [b"after"]
    assert reader.assignment() == logs_of(Topic.POSTS)
    assert bus.statistics()["reader_rebuilds"] == 1


async def test_counts_outlive_their_readers(connect: Connect) -> None:
    bus = await connect()
    reader = await bus.tail(logs_of(Topic.POSTS), 0)
    assert isinstance(reader, KafkaReader)
    reader.truncated = 3
    await reader.close()
    await bus.tail(logs_of(Topic.POSTS), 0)
    assert bus.statistics()["truncated"] == 3


async def test_a_lost_producer_is_built_anew(connect: Connect) -> None:
    bus = await connect()
    producer = bus._sender._producer
    assert producer is not None
    producer._message_accumulator.fail_all(KafkaError("fenced"))
    with pytest.raises(BusGone, match="not written: KafkaError"):
        await bus.publish(Topic.POSTS, "news", b"lost", {})
    await bus.publish(Topic.POSTS, "news", b"written", {})
    assert bus.statistics()["producer_rebuilds"] == 1


async def make_topic(settings: KafkaSettings, name: str, partitions: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, partitions, 1)])
        async with asyncio.timeout(PATIENCE_S):
            while (await admin.describe_topics([name]))[0]["error_code"]:
                pass
    finally:
        await admin.close()


async def delete_before(settings: KafkaSettings, log: Log, offset: int) -> None:
    """What retention does, at once."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap)
    await admin.start()
    try:
        await admin.delete_records({settings.place(log): RecordsToDelete(before_offset=offset)})
    finally:
        await admin.close()


def stop_fetching(reader: KafkaReader) -> None:
    """What aiokafka does silently now and then."""
    assert reader._consumer is not None
    reader._consumer._fetcher._fetch_task.cancel()


async def read_patiently(reader: Reader, count: int) -> list[Record]:
    """In many short reads, as a worker does: between them a reader looks after itself."""
    records: list[Record] = []
    async with asyncio.timeout(PATIENCE_S):
        while len(records) < count:
            records += (await reader.read(count, 0.05)).records
    return records
