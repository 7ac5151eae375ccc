"""Publishers: at the pace of speech, never silently short, and told when all is out."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from stream.adapters.media import make_decoder
from stream.core import wire
from stream.core.errors import BusFull, Malformed
from stream.core.messages import Closed, Error
from stream.core.records import AudioChunk, Log, Progress, Topic
from stream.core.requests import Close, Encoding, Open
from stream.publishing import Publisher, PublishingLimits, Studio
from tests.support import virtual
from tests.support.askers import FailingBus, KeptAsker
from tests.support.opus import head, page, record

SECOND = bytes(32_000)


class House:
    """A studio on a bus; `captions_read` is what the fan-out would say."""

    def __init__(self) -> None:
        clock = virtual.VirtualClock()
        self.bus = FailingBus(clock, "here", partitions=1)
        self.captions_read = 0
        limits = PublishingLimits(ahead_s=2.0)
        self.studio = Studio(self.bus, clock, make_decoder, lambda _: self.captions_read, limits)
        self.asker = KeptAsker()

    def open(self, encoding: Encoding = "pcm_s16le") -> Publisher:
        return Publisher(self.studio, Open(channel="demo", encoding=encoding), "e", self.asker)

    async def chunks(self) -> list[AudioChunk]:
        reader = await self.bus.tail([Log(Topic.AUDIO, 0)], 1e9)
        return [wire.decode_audio(record) for record in (await reader.read(10_000, 0.1)).records]


def in_house(test: Callable[[House], Awaitable[None]]) -> None:
    async def main() -> None:
        house = House()
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(house.studio.run())
            await test(house)
            running.cancel()

    virtual.run(main())


def now() -> float:
    return asyncio.get_running_loop().time()


def test_who_runs_ahead_waits() -> None:
    async def test(house: House) -> None:
        publisher = house.open()
        began = now()
        for _ in range(10):
            await publisher.put(SECOND)
        assert now() - began == pytest.approx(8.0)
        await publisher.end()
        chunks = await house.chunks()
        assert sum(len(chunk.pcm) for chunk in chunks) == 10 * len(SECOND)
        assert chunks[-1].last

    in_house(test)


def test_a_full_bus_makes_the_publisher_wait_and_loses_nothing() -> None:
    async def test(house: House) -> None:
        publisher = house.open()
        house.bus.fault = "full"
        asyncio.get_running_loop().call_later(5.0, setattr, house.bus, "fault", "")
        began = now()
        await publisher.put(SECOND)
        assert now() - began == pytest.approx(5.0)
        assert sum(len(chunk.pcm) for chunk in await house.chunks()) == len(SECOND)
        assert house.asker.messages == []

    in_house(test)


def test_audio_that_a_bus_loses_is_named() -> None:
    async def test(house: House) -> None:
        publisher = house.open()
        await publisher.put(SECOND[:3_200])
        house.bus.fault = "gone"
        await publisher.put(SECOND[:3_200])
        (error,) = house.asker.messages
        assert isinstance(error, Error)
        assert error.code == "bus_gone"
        assert error.message == "audio from 0.10 to 0.20 s is lost: bus is gone"

    in_house(test)


def test_the_end_does_not_wait_for_ever() -> None:
    async def test(house: House) -> None:
        publisher = house.open()
        house.bus.fault = "full"
        with pytest.raises(BusFull, match="does not take the end"):
            await publisher.end()
        assert house.studio.live == 0

    in_house(test)


def test_closed_waits_for_the_last_final() -> None:
    async def test(house: House) -> None:
        house.studio.await_end("e", Close(channel="demo", id="c"), house.asker)
        await house.bus.publish(Topic.CAPTIONS, "demo", b"a final", {})
        house.studio.ended(Progress(channel="demo", epoch="other", audio_end=1.0, over=True))
        house.studio.ended(Progress(channel="demo", epoch="e", audio_end=1.0, over=True))
        await asyncio.sleep(0.5)
        assert house.asker.messages == []
        house.captions_read = 1
        await house.asker.told.wait()
        assert house.asker.messages == [Closed(id="c", channel="demo")]
        await asyncio.sleep(60.0)
        assert len(house.asker.messages) == 1

    in_house(test)


def test_without_a_worker_closed_comes_after_an_error() -> None:
    async def test(house: House) -> None:
        house.studio.await_end("e", Close(channel="demo", id="c"), house.asker)
        await house.asker.told.wait()
        error, closed = house.asker.messages
        assert isinstance(error, Error)
        assert error.id == "c"
        assert "within 30 s" in error.message
        assert closed == Closed(id="c", channel="demo")
        assert house.asker.times[0] == pytest.approx(30.0)

    in_house(test)


def test_a_browsers_recording_is_published_as_samples() -> None:
    async def test(house: House) -> None:
        publisher = house.open("opus")
        recording = record("webm", 2.0)
        for begin in range(0, len(recording), 777):
            await publisher.put(recording[begin : begin + 777])
        await publisher.end()
        chunks = await house.chunks()
        assert sum(len(chunk.pcm) for chunk in chunks) / 32_000 == pytest.approx(2.0, abs=0.05)
        assert chunks[-1].last

    in_house(test)


def test_a_recording_that_breaks_off_is_told_once() -> None:
    async def test(house: House) -> None:
        publisher = house.open("opus")
        await publisher.put(record("ogg"))
        with pytest.raises(Malformed, match="ogg page is begun by"):
            await publisher.put(b"?!no page begins so")
        await publisher.put(b"nor so")
        await publisher.end()
        assert (await house.chunks())[-1].last

    in_house(test)


def test_a_small_piece_that_holds_hours_breaks_off() -> None:
    async def test(house: House) -> None:
        publisher = house.open("opus")
        bomb = page([head()], flags=2) + page([b"\x1b\x02"] * 255) * 200  # 102 minutes
        with pytest.raises(Malformed, match="more than 30 s in a piece"):
            await publisher.put(bomb)
        assert publisher.feed.ahead_s(now()) < 2.0 + 30.0 + 0.2

    in_house(test)


def test_bytes_without_audio_are_read_slowly() -> None:
    async def test(house: House) -> None:
        publisher = house.open("opus")
        began = now()
        await publisher.put(page([head()], flags=2))
        for _ in range(4):
            await publisher.put(page([b""] * 255) * 400)
        assert now() - began > 4.0
        assert house.studio.chunks == 0

    in_house(test)
