"""Following logs: everything once per life of the bus, poison passed over, losses survived."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from stream.adapters.memory import MemoryBus
from stream.core.errors import Malformed
from stream.core.records import Log, Record, Topic
from stream.following import EVERYTHING_S, Follower
from stream.ports import Reader
from tests.support import virtual

LOGS = [Log(Topic.POLICIES, 0), Log(Topic.POLICIES, 1)]


class Learner:
    """Remembers values; `bad` ones are malformed."""

    def __init__(self) -> None:
        self.values: list[bytes] = []

    def __call__(self, record: Record) -> None:
        if record.value == b"bad":
            raise Malformed("value", "bad", "good")
        self.values.append(record.value)


class MoodyBus(MemoryBus):
    """Its readers can be ended under whoever reads."""

    readers: list[Reader]

    async def tail(self, logs, back_s):  # type: ignore[no-untyped-def]
        reader = await super().tail(logs, back_s)
        self.readers = [*getattr(self, "readers", []), reader]
        return reader


@asynccontextmanager
async def following(bus: MemoryBus, learner: Learner) -> AsyncIterator[Follower]:
    follower = Follower(bus, LOGS, EVERYTHING_S, learner)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(follower.run())
        yield follower
        running.cancel()


async def put(bus: MemoryBus, value: bytes, key: str = "") -> None:
    await bus.publish(Topic.POLICIES, key or value.decode(), value, {})


def make_bus() -> MoodyBus:
    return MoodyBus(virtual.VirtualClock(), "here", partitions=2)


def test_it_is_warm_once_the_past_is_learnt_and_goes_on() -> None:
    async def main() -> None:
        bus, learner = make_bus(), Learner()
        for value in (b"a", b"b", b"c"):
            await put(bus, value)
        async with following(bus, learner) as follower:
            assert not follower.is_warm()
            assert await follower.catch_up()
            assert follower.is_warm()
            assert sorted(learner.values) == [b"a", b"b", b"c"]
            await put(bus, b"d")
            assert await follower.catch_up()
            assert learner.values[-1] == b"d"

    virtual.run(main())


def test_a_log_whose_past_was_compacted_becomes_warm_too() -> None:
    async def main() -> None:
        bus, learner = make_bus(), Learner()
        for value in (b"a", b"b"):
            await put(bus, value, key="same")
        async with following(bus, learner) as follower:
            assert await follower.catch_up(10.0)
            assert learner.values == [b"b"]

    virtual.run(main())


def test_an_empty_log_is_warm_at_once() -> None:
    async def main() -> None:
        async with following(make_bus(), Learner()) as follower:
            await asyncio.sleep(0)
            assert await follower.catch_up()
            assert follower.is_warm()

    virtual.run(main())


def test_poison_is_counted_and_passed_over() -> None:
    async def main() -> None:
        bus, learner = make_bus(), Learner()
        async with following(bus, learner) as follower:
            for value in (b"a", b"bad", b"b"):
                await put(bus, value, key="k" + value.decode())
            assert await follower.catch_up()
            assert sorted(learner.values) == [b"a", b"b"]
            assert follower.statistics()["malformed"] == 1

    virtual.run(main())


def test_a_reader_that_is_lost_is_replaced() -> None:
    async def main() -> None:
        bus, learner = make_bus(), Learner()
        async with following(bus, learner) as follower:
            await put(bus, b"a")
            assert await follower.catch_up()
            await bus.readers[0].close()
            await put(bus, b"b")
            await asyncio.sleep(2.0)
            assert await follower.catch_up()
            assert learner.values[-1] == b"b" or b"b" in learner.values
            assert follower.losses == 1

    virtual.run(main())


def test_a_bus_that_is_gone_does_not_hold_anybody() -> None:
    async def main() -> None:
        bus = make_bus()
        async with following(bus, Learner()) as follower:
            await asyncio.sleep(0.1)
            await bus.close()
            assert not await follower.catch_up()

    virtual.run(main())
