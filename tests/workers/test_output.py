"""Input is committed once its results stand, and never before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

import pytest

from stream.adapters.clock import AnchoredClock
from stream.core.errors import BusGone
from stream.core.records import Batch, Headers, Log, Position, Topic
from stream.core.wire import Payload
from tests.support.askers import FailingBus
from workers.output import Output, OutputLimits
from workers.role import Outcome, Publication

LOG = Log(Topic.POSTS, 0)
LIMITS = OutputLimits(unacknowledged=2, commit_s=0.01, retry_s=0.01)
PATIENCE_S = 10.0


class Commits:
    """A reader of which only commits are of interest."""

    def __init__(self) -> None:
        self.marks: dict[Log, int] = {}
        self.calls = 0
        self.told = asyncio.Event()

    async def commit(self, offsets: Mapping[Log, int]) -> None:
        assert all(at > self.marks.get(log, -1) for log, at in offsets.items())
        self.marks.update(offsets)
        self.calls += 1
        self.told.set()

    async def reach(self, offset: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while self.marks.get(LOG) != offset:
                self.told.clear()
                await self.told.wait()

    async def read(self, limit: int, wait_s: float) -> Batch:
        raise NotImplementedError

    def assignment(self) -> frozenset[Log]:
        return frozenset({LOG})

    async def seek(self, log: Log, offset: int) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        return None


class HeldBus(FailingBus):
    """Acknowledges when the test does, in the order of publishing."""

    def __init__(self) -> None:
        super().__init__(AnchoredClock(), "held", partitions=1)
        self.held: list[asyncio.Future[Position]] = []

    def publish_nowait(
        self,
        topic: Topic,
        key: str,
        value: bytes,
        headers: Headers,
        *,
        partition: int | None = None,
    ) -> asyncio.Future[Position]:
        super().publish_nowait(topic, key, value, headers, partition=partition)
        future: asyncio.Future[Position] = asyncio.get_running_loop().create_future()
        self.held.append(future)
        return future

    def acknowledge(self, number: int) -> None:
        self.held[number].set_result(Position(Log(Topic.VERDICTS, 0), number))


def said(*, durable: bool = True) -> Publication:
    return Publication(Topic.VERDICTS, "c", Payload(b"{}", {}), durable)


def answered(output: Output, offset: int, *publications: Publication) -> Outcome:
    position = Position(LOG, offset)
    output.ledger.open(position)
    return Outcome(publications, closed=(position,))


@asynccontextmanager
async def running(output: Output, reader: Commits) -> AsyncIterator[None]:
    task = asyncio.create_task(output.run(reader))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_what_is_not_acknowledged_is_not_committed() -> None:
    bus, reader = HeldBus(), Commits()
    output = Output(bus, LIMITS)
    async with running(output, reader):
        await output.put(answered(output, 0, said()))
        await output.put(answered(output, 1, said()))
        bus.acknowledge(1)
        await reader.reach(0)
        bus.acknowledge(0)
        await reader.reach(2)
    assert output.statistics()["published"] == 2


async def test_input_without_results_is_committed_behind_what_came_before_it() -> None:
    bus, reader = HeldBus(), Commits()
    output = Output(bus, LIMITS)
    async with running(output, reader):
        await output.put(answered(output, 0, said()))
        await output.put(answered(output, 1))
        bus.acknowledge(0)
        await reader.reach(2)


async def test_partials_hold_nothing_up() -> None:
    bus, reader = HeldBus(), Commits()
    output = Output(bus, LIMITS)
    async with running(output, reader):
        await output.put(answered(output, 0, said(durable=False)))
        await reader.reach(1)
        bus.held[0].set_exception(BusGone("gone"))


async def test_a_full_bus_drops_partials_and_makes_the_rest_wait() -> None:
    bus, reader = FailingBus(AnchoredClock(), "full", partitions=1), Commits()
    output = Output(bus, LIMITS)
    bus.fault = "full"
    async with running(output, reader):
        await output.put(answered(output, 0, said(durable=False)))
        assert output.statistics()["partials_dropped"] == 1
        waiting = asyncio.create_task(output.put(answered(output, 1, said())))
        await reader.reach(1)
        assert not waiting.done()
        bus.fault = ""
        await waiting
        await reader.reach(2)


async def test_a_result_that_is_lost_ends_the_worker_and_commits_nothing() -> None:
    bus, reader = HeldBus(), Commits()
    output = Output(bus, LIMITS)
    await output.put(answered(output, 0, said()))
    bus.held[0].set_exception(BusGone("gone"))
    with pytest.raises(BaseExceptionGroup) as ended:
        await output.run(reader)
    assert ended.group_contains(BusGone, depth=1)
    assert reader.marks.get(LOG, 0) == 0


async def test_over_its_bound_of_unacknowledged_results_it_waits() -> None:
    bus, reader = HeldBus(), Commits()
    output = Output(bus, LIMITS)
    async with running(output, reader):
        for offset in range(3):  # one is in the hands of the task that waits for it
            await output.put(answered(output, offset, said()))
        waiting = asyncio.create_task(output.put(answered(output, 3, said())))
        await reader.reach(0)
        assert not waiting.done()
        for number in range(3):
            bus.acknowledge(number)
        await waiting


async def test_handing_over_commits_what_stands_and_forgets_the_rest() -> None:
    bus, reader = HeldBus(), Commits()
    output = Output(bus, OutputLimits(commit_s=3600.0))
    async with running(output, reader):
        await output.put(answered(output, 0, said()))
        await output.put(answered(output, 1, said()))
        bus.acknowledge(0)
        await output.hand_over([LOG], reader, wait_s=0.05)
        assert reader.marks == {LOG: 1}
        assert output.statistics()["handover_timeouts"] == 1
        assert output.statistics()["open_records"] == 0
