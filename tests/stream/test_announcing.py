"""Events wait for the bus: in order, bounded, none written twice."""

import asyncio

from stream.announcing import PUBLISH_HEADER, Announcer
from stream.core import wire
from stream.core.effects import Announce
from stream.core.messages import Post, Review
from stream.core.records import Log, Topic
from tests.support import virtual
from tests.support.askers import FailingBus


def post(name: str, text: str = "hi") -> Announce:
    return Announce(Post(channel="demo", post=name, author="", text=text), 1.0, 100)


async def written(bus: FailingBus) -> list[str]:
    reader = await bus.tail([Log(Topic.EVENTS, 0)], 1e9)
    records = (await reader.read(10_000, 0.1)).records
    return [getattr(wire.decode_result(record)[0], "post", "") for record in records]


def make_bus() -> FailingBus:
    return FailingBus(virtual.VirtualClock(), "here", partitions=1)


def test_events_are_written_in_order_whatever_happens_to_the_bus() -> None:
    async def main() -> None:
        bus = make_bus()
        announcer = Announcer(bus, "gw")
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(announcer.run())
            for number in range(30):
                bus.fault = ("", "full", "gone")[number % 3]
                announcer.announce(post(f"{number:02}"))
                await asyncio.sleep(0.3)
            bus.fault = ""
            await announcer.wait_empty()
            running.cancel()
        assert await written(bus) == [f"{number:02}" for number in range(30)]
        assert announcer.statistics()["written"] == 30
        assert announcer.failures > 0

    virtual.run(main())


def test_over_the_limit_a_new_event_is_dropped_and_counted() -> None:
    async def main() -> None:
        announcer = Announcer(make_bus(), "gw", limit=2)
        for name in ("a", "b", "c"):
            announcer.announce(post(name))
        assert not announcer.has_room()
        assert announcer.statistics() == {"waiting": 2, "written": 0, "dropped": 1, "failures": 0}

    virtual.run(main())


def test_an_event_that_no_bus_takes_does_not_stop_the_others() -> None:
    async def main() -> None:
        bus = make_bus()
        announcer = Announcer(bus, "gw")
        announcer.announce(post("big", "x" * 2_000_000))
        announcer.announce(post("small"))
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(announcer.run())
            await announcer.wait_empty()
            running.cancel()
        assert await written(bus) == ["small"]
        assert announcer.dropped == 1

    virtual.run(main())


def test_a_review_says_whether_its_post_is_to_be_shown() -> None:
    async def main() -> None:
        bus = make_bus()
        announcer = Announcer(bus, "gw")
        review = Review(channel="demo", post="p", author="", text="hi")
        announcer.announce(Announce(review, 1.0, 100, publish=True))
        announcer.announce(Announce(review, 1.0, 100, publish=False))
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(announcer.run())
            await announcer.wait_empty()
            running.cancel()
        reader = await bus.tail([Log(Topic.EVENTS, 0)], 1e9)
        records = (await reader.read(10, 0.1)).records
        assert [record.headers.get(PUBLISH_HEADER) for record in records] == [b"1", None]
        assert wire.decode_result(records[0])[1].owner == "gw"

    virtual.run(main())
