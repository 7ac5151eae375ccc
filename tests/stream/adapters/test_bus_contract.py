"""What every bus promises: in memory, on librdkafka's test cluster and on a real Apache Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from stream.core.errors import BusGone, Malformed, TooBig
from stream.core.records import Log, Record, Topic
from stream.core.topics import RECORD_LIMIT_BYTES
from stream.core.wire import dead_letter, decode_post
from stream.ports import Bus, Reader
from tests.support.broker import mock_settings, new_prefix, real_settings
from tests.support.worlds import (
    PATIENCE_S,
    Moves,
    World,
    by_log,
    kafka_world,
    logs_of,
    memory_world,
    read_some,
    wait_assigned,
)

ALL = ["memory", "mock", "kafka"]
# The test cluster takes no second member, and finds no offset by its time (design: Kafka).
COMPLETE = ["memory", "kafka"]


@pytest.fixture(params=[pytest.param(kind, marks=pytest.mark.kafka) for kind in ALL])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    kind = request.param
    if kind == "memory":
        async with memory_world() as world:
            yield world
        return
    address = request.getfixturevalue("kafka" if kind == "kafka" else "mock_cluster")
    settings = (real_settings if kind == "kafka" else mock_settings)(address, new_prefix())
    async with kafka_world(kind, settings) as world:
        yield world


@pytest.fixture
async def bus(world: World) -> Bus:
    return await world.connect()


async def publish(bus: Bus, count: int, key: str = "news") -> list[bytes]:
    """Posts `0`, `1`, … under one key."""
    values = [b"%d" % number for number in range(count)]
    for value in values:
        await bus.publish(Topic.POSTS, key, value, {})
    return values


def values(records: list[Record]) -> list[bytes]:
    return [record.value for record in records]


async def test_a_record_comes_back_as_it_was_published(bus: Bus) -> None:
    key, value = "kanal-ä", bytes(range(256))
    headers = {"epoch": b"e1", "odd": b"\x00\xff"}
    reader = await bus.tail(logs_of(Topic.AUDIO), 0)
    position = await bus.publish(Topic.AUDIO, key, value, headers)
    (record,) = await read_some(reader, 1)
    assert (record.key, record.value, record.headers) == (key, value, headers)
    assert (record.log, record.offset) == position
    assert record.timestamp > 1_700_000_000


async def test_an_empty_value_stays_empty(bus: Bus) -> None:
    reader = await bus.tail(logs_of(Topic.AUDIO), 0)
    await bus.publish(Topic.AUDIO, "news", b"", {})
    assert values(await read_some(reader, 1)) == [b""]


async def test_a_key_is_in_the_same_partition_of_every_topic(bus: Bus) -> None:
    for key in ("news", "sport", "ä"):
        positions = [await bus.publish(topic, key, b"", {}) for topic in Topic]
        assert {position.log.partition for position in positions} == {bus.partition_of(key)}


async def test_a_partition_can_be_named(bus: Bus) -> None:
    positions = [await bus.publish(Topic.EVENTS, "", b"claim", {}, partition=p) for p in range(4)]
    assert [position.log.partition for position in positions] == [0, 1, 2, 3]


async def test_order_is_kept_in_each_log(bus: Bus) -> None:
    reader = await bus.tail(logs_of(Topic.PARTIALS), 0)
    sent = [(f"channel-{number % 9}", b"%d" % number) for number in range(300)]
    futures = [bus.publish_nowait(Topic.PARTIALS, key, value, {}) for key, value in sent]
    positions = await asyncio.gather(*futures)
    records = await read_some(reader, len(sent))
    for log, found in by_log(records).items():
        expected = [value for key, value in sent if bus.partition_of(key) == log.partition]
        assert values(found) == expected
        offsets = [record.offset for record in found]
        assert offsets == [position.offset for position in positions if position.log == log]
        assert offsets == sorted(offsets)


async def test_the_end_is_the_next_records_offset(bus: Bus) -> None:
    logs = logs_of(Topic.VERDICTS)
    before = await bus.ends(logs)
    position = await bus.publish(Topic.VERDICTS, "news", b"", {})
    assert position.offset == before[position.log]
    after = await bus.ends(logs)
    assert after == {**before, position.log: position.offset + 1}


async def test_a_tail_reads_what_comes_from_now_on(bus: Bus) -> None:
    await publish(bus, 2)
    reader = await bus.tail(logs_of(Topic.POSTS), 0)
    assert reader.assignment() == logs_of(Topic.POSTS)
    await bus.publish(Topic.POSTS, "news", b"new", {})
    assert values(await read_some(reader, 1)) == [b"new"]


@pytest.mark.parametrize("world", COMPLETE, indirect=True)
async def test_a_tail_reads_what_came_lately(bus: Bus) -> None:
    sent = await publish(bus, 3)
    reader = await bus.tail(logs_of(Topic.POSTS), 60)
    assert values(await read_some(reader, 3)) == sent


async def test_a_read_without_records_gives_an_empty_batch(bus: Bus) -> None:
    reader = await bus.tail(logs_of(Topic.POSTS), 0)
    batch = await reader.read(10, 0.01)
    assert (batch.records, batch.truncated) == ((), ())


async def test_a_read_gives_at_most_what_was_asked(bus: Bus) -> None:
    reader = await bus.tail(logs_of(Topic.POSTS), 0)
    sent = await publish(bus, 5)
    first = (await reader.read(2, 30)).records
    assert 1 <= len(first) <= 2
    assert values([*first, *await read_some(reader, 5 - len(first))]) == sent


async def test_a_log_is_read_again_from_any_offset(bus: Bus) -> None:
    reader = await bus.tail(logs_of(Topic.POSTS), 0)
    sent = await publish(bus, 5)
    records = await read_some(reader, 5)
    await reader.seek(records[0].log, records[2].offset)
    assert values(await read_some(reader, 3)) == sent[2:]


SEVERAL = (Topic.PARTIALS, Topic.CAPTIONS, Topic.EVENTS)


async def test_a_tail_of_several_topics_reads_each_log_in_order(bus: Bus) -> None:
    reader = await bus.tail(logs_of(*SEVERAL), 0)
    assert reader.assignment() == logs_of(*SEVERAL)
    for number in range(20):
        for topic in SEVERAL:
            await bus.publish(topic, "news", b"%d" % number, {})
    found = by_log(await read_some(reader, 60))
    assert len(found) == 3
    assert all(values(records) == [b"%d" % n for n in range(20)] for records in found.values())


async def test_one_log_of_several_is_read_again_and_the_others_lose_nothing(bus: Bus) -> None:
    reader = await bus.tail(logs_of(*SEVERAL), 0)
    first = [await bus.publish(topic, "news", b"1", {}) for topic in SEVERAL]
    await read_some(reader, 3)
    second = [await bus.publish(topic, "news", b"2", {}) for topic in SEVERAL]
    # one at a time, so that more may have been found than was given out
    early = [*(await reader.read(1, 0)).records, *(await reader.read(1, 0.05)).records]
    given = {(record.log, record.offset) for record in early}
    await reader.seek(first[0].log, first[0].offset)
    due = [first[0], second[0], *(position for position in second[1:] if position not in given)]
    records = await read_some(reader, len(due))
    assert sorted((record.log, record.offset) for record in records) == sorted(due)


async def test_a_tail_of_several_topics_gives_at_most_what_was_asked(bus: Bus) -> None:
    reader = await bus.tail(logs_of(*SEVERAL), 0)
    for topic in SEVERAL:
        for _ in range(4):
            await bus.publish(topic, "news", b"", {})
    records: list[Record] = []
    async with asyncio.timeout(PATIENCE_S):
        while len(records) < 12:
            found = (await reader.read(3, PATIENCE_S)).records
            assert len(found) <= 3
            records += found


async def test_a_new_group_starts_at_the_first_record(bus: Bus) -> None:
    sent = await publish(bus, 3)
    moves = Moves()
    reader = await bus.join("judges", "one", [Topic.POSTS], moves)
    assert moves.assigned_logs == [reader.assignment()] == [logs_of(Topic.POSTS)]
    assert moves.revoked_logs == []
    assert values(await read_some(reader, 3)) == sent


async def test_the_next_owner_starts_where_the_last_one_committed(world: World) -> None:
    bus = await world.connect()
    sent = await publish(bus, 5)
    reader = await bus.join("judges", "one", [Topic.POSTS], Moves())
    records = await read_some(reader, 5)
    await reader.commit({records[1].log: records[1].offset + 1})
    await reader.close()
    reader = await (await world.connect()).join("judges", "one", [Topic.POSTS], Moves())
    assert values(await read_some(reader, 3)) == sent[2:]


async def test_a_commit_of_foreign_logs_is_left_out(bus: Bus) -> None:
    reader = await bus.join("judges", "one", [Topic.POSTS], Moves())
    await reader.commit({Log(Topic.AUDIO, 0): 7, Log(Topic.POSTS, 0): 0})


async def test_groups_do_not_know_each_other(bus: Bus) -> None:
    sent = await publish(bus, 2)
    for group in ("judges", "archive"):
        reader = await bus.join(group, "one", [Topic.POSTS], Moves())
        records = await read_some(reader, 2)
        assert values(records) == sent
        await reader.commit({records[-1].log: records[-1].offset + 1})


async def test_what_cannot_be_decoded_does_not_stop_the_partition(bus: Bus) -> None:
    """Two attempts, then the record as it came goes to the dead letters and the next one is due."""
    dead = await bus.tail(logs_of(Topic.DEAD_LETTERS), 0)
    poison = b"\xff{not json"
    await bus.publish(Topic.POSTS, "news", poison, {"epoch": b"\xfe"})
    await bus.publish(Topic.POSTS, "news", b"next", {})
    reader = await bus.join("judges", "one", [Topic.POSTS], Moves())
    (first,) = await read_some(reader, 1)
    await reader.seek(first.log, first.offset)
    (record,) = await read_some(reader, 1)
    with pytest.raises(Malformed) as caught:
        decode_post(record)
    letter = dead_letter(record, caught.value, attempts=2)
    await bus.publish(Topic.DEAD_LETTERS, record.key, letter.value, letter.headers)
    await reader.seek(record.log, record.offset + 1)
    await reader.commit({record.log: record.offset + 1})
    assert values(await read_some(reader, 1)) == [b"next"]
    (found,) = await read_some(dead, 1)
    assert (found.key, found.value, found.headers["epoch"]) == ("news", poison, b"\xfe")
    assert found.headers["attempts"] == b"2"


async def test_a_record_over_the_limit_is_refused(bus: Bus) -> None:
    with pytest.raises(TooBig, match=f"expected at most {RECORD_LIMIT_BYTES}"):
        bus.publish_nowait(Topic.POSTS, "news", bytes(RECORD_LIMIT_BYTES), {})
    largest = bytes(RECORD_LIMIT_BYTES - len("news"))
    await bus.publish(Topic.POSTS, "news", largest, {})


async def test_a_burst_is_taken_in_order_or_refused_by_name(bus: Bus) -> None:
    """Publishers that wait get all of a burst through, whatever the queue's bound."""
    reader = await bus.tail(logs_of(Topic.POSTS), 0)
    sent = [b"%d" % number for number in range(200)]
    async with asyncio.TaskGroup() as group:
        for value in sent:
            group.create_task(bus.publish(Topic.POSTS, "news", value, {}))
    assert sorted(values(await read_some(reader, 200))) == sorted(sent)


@pytest.mark.parametrize("topics", [(Topic.POSTS,), SEVERAL])
async def test_a_closed_reader_says_so(bus: Bus, topics: tuple[Topic, ...]) -> None:
    reader = await bus.tail(logs_of(*topics), 0)
    await reader.close()
    assert reader.assignment() == frozenset()
    with pytest.raises(BusGone):
        await reader.read(1, 0)


@pytest.mark.parametrize("topics", [(Topic.POSTS,), SEVERAL])
async def test_a_read_under_way_ends_when_its_reader_is_closed(
    bus: Bus, topics: tuple[Topic, ...]
) -> None:
    reader = await bus.tail(logs_of(*topics), 0)
    reading = asyncio.create_task(reader.read(1, PATIENCE_S))
    for _ in range(10):
        await asyncio.sleep(0)
    await reader.close()
    with pytest.raises(BusGone):
        await asyncio.wait_for(reading, PATIENCE_S / 2)


async def test_a_closed_bus_says_so(bus: Bus) -> None:
    reader = await bus.tail(logs_of(Topic.POSTS), 0)
    await bus.close()
    with pytest.raises(BusGone):
        await reader.read(1, 0)
    with pytest.raises(BusGone):
        bus.publish_nowait(Topic.POSTS, "news", b"", {})
    with pytest.raises(BusGone):
        await bus.publish(Topic.POSTS, "news", b"", {})
    with pytest.raises(BusGone):
        await bus.tail(logs_of(Topic.POSTS), 0)
    with pytest.raises(BusGone):
        await bus.join("judges", "one", [Topic.POSTS], Moves())
    await bus.close()


async def test_what_was_queued_is_written_when_the_bus_closes(world: World) -> None:
    bus = await world.connect()
    futures = [bus.publish_nowait(Topic.POSTS, "news", b"", {}) for _ in range(50)]
    await bus.close()
    assert [future.result().offset for future in futures] == list(range(50))


async def test_statistics_are_numbers_by_name(bus: Bus) -> None:
    await publish(bus, 3)
    assert all(isinstance(value, int | float) for value in bus.statistics().values())


async def join_second(
    world: World, topics: list[Topic], moves: Moves, first: Reader, group: str = "judges"
) -> Reader:
    """A second member, and both with their half."""
    second = await (await world.connect()).join(group, "two", topics, moves)
    half = len(logs_of(*topics)) // 2
    await wait_assigned(first, lambda logs: len(logs) == half)
    await wait_assigned(second, lambda logs: len(logs) == half)
    return second


@pytest.mark.parametrize("world", COMPLETE, indirect=True)
class TestSharing:
    """Groups of more than one."""

    async def test_each_log_has_one_owner(self, world: World) -> None:
        one, two = Moves(), Moves()
        topics = [Topic.AUDIO, Topic.POSTS]
        first = await (await world.connect()).join("judges", "one", topics, one)
        second = await join_second(world, topics, two, first)
        assert first.assignment() | second.assignment() == logs_of(*topics)
        assert not first.assignment() & second.assignment()
        assert one.revoked_logs == [logs_of(*topics)]
        assert one.assigned_logs[-1] == first.assignment()
        assert two.assigned_logs[-1] == second.assignment()

    async def test_an_owner_has_the_same_partitions_of_every_topic(self, world: World) -> None:
        topics = [Topic.CAPTIONS, Topic.TEXTS]
        first = await (await world.connect()).join("translators", "one", topics, Moves())
        second = await join_second(world, topics, Moves(), first, group="translators")
        for reader in (first, second):
            shares = [
                {log.partition for log in reader.assignment() if log.topic == topic}
                for topic in topics
            ]
            assert shares[0] == shares[1]
            assert len(shares[0]) == 2

    async def test_revoked_may_commit_for_the_next_owner(self, world: World) -> None:
        bus = await world.connect()
        for partition in range(4):
            for value in (b"done", b"open"):
                await bus.publish(Topic.POSTS, "", value, {}, partition=partition)

        class Committing(Moves):
            async def revoked(self, logs: frozenset[Log]) -> None:
                await first.commit(dict.fromkeys(logs, 1))

        first = await bus.join("judges", "one", [Topic.POSTS], Committing())
        await read_some(first, 8)
        second = await join_second(world, [Topic.POSTS], Moves(), first)
        share = len(second.assignment())
        assert values(await read_some(second, share)) == [b"open"] * share
        share = len(first.assignment())
        assert values(await read_some(first, share)) == [b"open"] * share

    async def test_a_failing_listener_does_not_stop_the_group(self, world: World) -> None:
        class Failing(Moves):
            async def revoked(self, logs: frozenset[Log]) -> None:
                raise RuntimeError("revoked")

            async def assigned(self, logs: frozenset[Log]) -> None:
                raise RuntimeError("assigned")

        bus = await world.connect()
        sent = await publish(bus, 2)
        first = await bus.join("judges", "one", [Topic.POSTS], Failing())
        assert values(await read_some(first, 2)) == sent
        second = await join_second(world, [Topic.POSTS], Moves(), first)
        assert first.assignment() | second.assignment() == logs_of(Topic.POSTS)
        async with asyncio.timeout(PATIENCE_S):
            while bus.statistics()["listener_failures"] < 3:
                await first.read(1, 0.02)

    async def test_what_a_leaver_had_is_read_by_others(self, world: World) -> None:
        bus = await world.connect()
        first = await bus.join("judges", "one", [Topic.POSTS], Moves())
        second = await join_second(world, [Topic.POSTS], Moves(), first)
        await first.close()
        await wait_assigned(second, lambda logs: logs == logs_of(Topic.POSTS))
        sent = await publish(bus, 3)
        assert values(await read_some(second, 3)) == sent

    async def test_more_members_than_partitions_leave_some_without(self, world: World) -> None:
        buses = [await world.connect() for _ in range(5)]
        async with asyncio.TaskGroup() as group:
            joins = [
                group.create_task(bus.join("judges", f"member-{place}", [Topic.POSTS], Moves()))
                for place, bus in enumerate(buses)
            ]
        readers = [join.result() for join in joins]

        async def settle() -> None:
            shares: list[Log] = []
            while sorted(shares) != sorted(logs_of(Topic.POSTS)):
                await asyncio.gather(*(reader.read(1, 0.05) for reader in readers))
                shares = [log for reader in readers for log in reader.assignment()]

        await asyncio.wait_for(settle(), PATIENCE_S)
        assert sorted(len(reader.assignment()) for reader in readers) == [0, 1, 1, 1, 1]
