"""What the in-process bus does beyond the contract."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from stream.adapters.clock import AnchoredClock
from stream.adapters.memory import MemoryBus, group
from stream.core.errors import BusGone
from stream.core.records import Log, Topic
from tests.support.worlds import Moves, read_some, read_truncation

LIMIT_BYTES = 2_000


@pytest.fixture
async def bus() -> AsyncIterator[MemoryBus]:
    bus = MemoryBus(AnchoredClock(), "here", partitions=1, limit_bytes=LIMIT_BYTES)
    yield bus
    await bus.close()


async def test_a_full_log_drops_its_oldest_and_the_reader_is_told(bus: MemoryBus) -> None:
    log = Log(Topic.AUDIO, 0)
    reader = await bus.tail([log], 0)
    for number in range(20):
        await bus.publish(Topic.AUDIO, "news", b"%d" % number, {})
    truncation = await read_truncation(reader)
    assert truncation.log == log
    assert truncation.start == 0
    await reader.seek(log, truncation.end)
    kept = await read_some(reader, 20 - truncation.end)
    assert [record.offset for record in kept] == list(range(truncation.end, 20))
    assert bus.statistics()["truncated"] == truncation.end
    assert bus.statistics()["kept_bytes"] <= LIMIT_BYTES


async def test_a_group_is_told_of_what_it_lost_since_its_commit(bus: MemoryBus) -> None:
    reader = await bus.join("judges", "one", [Topic.POSTS], Moves())
    await reader.commit({Log(Topic.POSTS, 0): 0})
    await reader.close()
    for _ in range(20):
        await bus.publish(Topic.POSTS, "news", b"", {})
    reader = await bus.join("judges", "one", [Topic.POSTS], Moves())
    assert (await read_truncation(reader)).start == 0


async def test_an_acknowledgement_is_there_at_once(bus: MemoryBus) -> None:
    assert bus.publish_nowait(Topic.POSTS, "news", b"", {}).result().offset == 0


async def test_a_reader_that_waits_is_woken_when_the_bus_closes(bus: MemoryBus) -> None:
    reader = await bus.tail([Log(Topic.POSTS, 0)], 0)
    waiting = asyncio.create_task(reader.read(1, 3600))
    await asyncio.sleep(0)
    await bus.close()
    with pytest.raises(BusGone):
        await waiting


async def test_a_busy_log_does_not_starve_the_others() -> None:
    bus = MemoryBus(AnchoredClock(), "here", partitions=2)
    reader = await bus.tail([Log(Topic.POSTS, 0), Log(Topic.POSTS, 1)], 0)
    for partition, count in ((0, 100), (1, 1)):
        for _ in range(count):
            await bus.publish(Topic.POSTS, "", b"", {}, partition=partition)
    first, second = await reader.read(10, 1), await reader.read(10, 1)
    assert {record.log.partition for record in first.records} == {0}
    assert second.records[0].log.partition == 1
    await bus.close()


async def test_who_joins_under_a_name_takes_its_place(bus: MemoryBus) -> None:
    former = await bus.join("judges", "one", [Topic.POSTS], Moves())
    reader = await bus.join("judges", "one", [Topic.POSTS], Moves())
    assert reader.assignment() == {Log(Topic.POSTS, 0)}
    with pytest.raises(BusGone):
        await former.read(1, 0)


async def test_a_cancelled_join_leaves_the_group_whole(bus: MemoryBus) -> None:
    class Slow(Moves):
        async def revoked(self, logs: frozenset[Log]) -> None:
            revoking.set()
            await go_on.wait()

    revoking, go_on = asyncio.Event(), asyncio.Event()
    moves = Slow()
    first = await bus.join("judges", "two", [Topic.POSTS], moves)
    joining = asyncio.create_task(bus.join("judges", "one", [Topic.POSTS], Moves()))
    await revoking.wait()
    joining.cancel()
    with pytest.raises(asyncio.CancelledError):
        await joining
    go_on.set()
    await bus.publish(Topic.POSTS, "news", b"", {})
    await read_some(first, 1)
    assert moves.assigned_logs[-1] == first.assignment() == {Log(Topic.POSTS, 0)}


async def test_a_listener_has_a_bounded_time_to_give_up(
    bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stuck(Moves):
        async def revoked(self, logs: frozenset[Log]) -> None:
            await asyncio.Event().wait()

    monkeypatch.setattr(group, "REVOKE_S", 0.01)
    await bus.join("judges", "two", [Topic.POSTS], Stuck())
    second = await bus.join("judges", "one", [Topic.POSTS], Moves())
    assert second.assignment() == {Log(Topic.POSTS, 0)}
    assert bus.statistics()["listener_failures"] == 1


async def test_policies_are_compacted(bus: MemoryBus) -> None:
    for value in (b"old", b"new"):
        await bus.publish(Topic.POLICIES, "news", value, {})
    reader = await bus.join("gateway", "one", [Topic.POLICIES], Moves())
    batch = await reader.read(10, 1)
    assert [record.value for record in batch.records] == [b"new"]
    assert batch.truncated == ()
