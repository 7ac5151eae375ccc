"""The roles as processes of their own: from a publisher through Kafka, twice, to subscribers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from signal import SIGCONT, SIGKILL, SIGSTOP

import httpx
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from stream.core import wire
from stream.core.records import Claim, Log, Origin, Result, Topic
from stream.ports import Reader
from tests.end_to_end import engines
from tests.end_to_end.commands import PATIENCE_S, Command
from tests.end_to_end.roles import PARTITIONS, Door, House, until_judged
from tests.end_to_end.speaking import hear_finals, publish
from tests.support.scripted import SEGMENT_SAMPLES, SPOKEN
from tests.support.served import Fields, Speaker
from tests.support.worlds import READ_S

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="module"),
]

Wanted = Callable[[Result, Origin], bool]
SEGMENT_S = SEGMENT_SAMPLES / 16_000


@dataclass
class Town:
    """Two gateways on one broker, and the captions worker of the moment."""

    house: House
    first: Door
    second: Door
    stack: AsyncExitStack
    workers: dict[str, Command] = field(default_factory=dict)

    async def captioner(self, member: str, engine: str = engines.SLOW_CAPTIONS) -> Command:
        starting = self.house.worker("captions", engine, member=member)
        self.workers[member] = await self.stack.enter_async_context(starting)
        return self.workers[member]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(kafka: str) -> AsyncIterator[Town]:
    house = House(kafka)
    await house.build()
    async with AsyncExitStack() as stack:
        first, second = [await stack.enter_async_context(house.gateway()) for _ in range(2)]
        town = Town(house, first, second, stack)
        await town.captioner("one")
        yield town


class Programme:
    """A publisher and its channel; `heard` collects what a subscriber got of it, in order."""

    def __init__(self, publisher: Speaker, subscriber: Speaker, channel: str) -> None:
        self.publisher = publisher
        self.subscriber = subscriber
        self.channel = channel
        self.heard: list[Fields] = []

    async def begin(self) -> None:
        await self.subscriber.ask("subscribed", type="subscribe", channel=self.channel)
        await self.publisher.ask("opened", type="open", channel=self.channel, budget_ms=60_000)

    async def hear_until(self, wanted: Callable[[Fields], bool]) -> Fields:
        while not wanted(caption := await self.subscriber.hear("caption")):
            self.heard.append(caption)
        self.heard.append(caption)
        return caption

    async def end(self) -> None:
        """The last final has been written when the publisher hears `closed`."""
        await self.publisher.ask("closed", type="close", channel=self.channel)
        await self.subscriber.ask("pong", type="ping")
        self.heard += [each for each in self.subscriber.heard if each["type"] == "caption"]
        self.subscriber.heard.clear()

    def finals(self) -> list[Fields]:
        return [caption for caption in self.heard if caption["final"]]

    def check(self, segments: int) -> None:
        """Each segment once, whole, under the id of its first sample; nothing after its final."""
        assert [start_of(final) for final in self.finals()] == starts(segments)
        assert len({final["segment"].rpartition("-")[0] for final in self.finals()}) == 1
        assert [final["text"] for final in self.finals()] == [" ".join(SPOKEN)] * segments
        ended: set[str] = set()
        for caption in self.heard:
            assert caption["segment"] not in ended
            ended |= {caption["segment"]} if caption["final"] else set()


def start_of(caption: Fields) -> int:
    return int(caption["segment"].rpartition("-")[2])


def starts(segments: int) -> list[int]:
    return [number * SEGMENT_SAMPLES for number in range(segments)]


def in_segment(number: int) -> Callable[[Fields], bool]:
    return lambda caption: start_of(caption) == number * SEGMENT_SAMPLES and not caption["final"]


def final_of(number: int) -> Callable[[Fields], bool]:
    return lambda caption: start_of(caption) == number * SEGMENT_SAMPLES and bool(caption["final"])


async def test_audio_becomes_partials_and_finals_on_every_gateway(town: Town) -> None:
    async with (
        town.first.speaker() as publisher,
        town.first.speaker() as subscriber,
        town.second.speaker() as other,
    ):
        programme = Programme(publisher, subscriber, "news")
        await programme.begin()
        await other.ask("subscribed", type="subscribe", channel="news", partials=False)
        await publish(publisher, 2 * SEGMENT_S)
        await programme.hear_until(final_of(1))
        await programme.end()
        programme.check(2)
        assert any(not caption["final"] for caption in programme.heard)
        elsewhere = await hear_finals(other, 2)
        assert [each["segment"] for each in elsewhere] == [
            each["segment"] for each in programme.finals()
        ]
        assert [each["cursor"] for each in elsewhere] == [
            each["cursor"] for each in programme.finals()
        ]


async def test_translations_follow_the_captions_to_every_gateway(town: Town) -> None:
    async with (
        town.house.worker("translation", engines.TRANSLATION),
        town.first.speaker() as publisher,
        town.first.speaker() as subscriber,
        town.second.speaker() as other,
    ):
        programme = Programme(publisher, subscriber, "culture")
        for reader in (subscriber, other):
            await reader.ask("subscribed", type="subscribe", channel="culture", languages=["de"])
        ask = {"type": "open", "channel": "culture", "translate": ["de"], "budget_ms": 60_000}
        await publisher.ask("opened", **ask)
        await publish(publisher, 0.9 * SEGMENT_S)
        growing = [await each.hear("translation") for each in (subscriber, other)]
        assert not any(each["final"] for each in growing)
        await publish(publisher, 1.1 * SEGMENT_S)
        here, there = [await hear_translations(each, 2) for each in (subscriber, other)]
        await programme.hear_until(final_of(1))
        await programme.end()
    assert [shared(each) for each in finals_of(here)] == [shared(each) for each in finals_of(there)]
    for caption, said in zip(programme.finals(), finals_of(there), strict=True):
        assert said["text"] == f"[de] {caption['text']}"
        names = ("source_segment", "source_revision", "start", "end")
        assert [said[name] for name in names] == [
            caption[name.removeprefix("source_")] for name in names
        ]
    ended: set[str] = set()
    for said in there:
        assert said["segment"] not in ended, "a partial behind its final"
        ended |= {said["segment"]} if said["final"] else set()


def shared(said: Fields) -> Fields:
    """What each gateway adds of its own is left out: how long it took, how far it has read."""
    return {name: value for name, value in said.items() if name not in {"latency", "cursor"}}


def finals_of(said: list[Fields]) -> list[Fields]:
    return [each for each in said if each["final"]]


async def hear_translations(reader: Speaker, count: int) -> list[Fields]:
    """Up to the last of so many finals."""
    heard: list[Fields] = []
    while len(finals_of(heard)) < count:
        heard.append(await reader.hear("translation"))
    return heard


async def test_posts_are_judged_and_texts_translated(town: Town) -> None:
    async with (
        town.house.worker("moderation", engines.MODERATION),
        town.house.worker("translation", engines.TRANSLATION),
        town.first.speaker() as peer,
        town.second.speaker() as subscriber,
    ):
        await subscriber.ask("subscribed", type="subscribe", channel="chat", kinds=["posts"])
        verdict = await until_judged(peer, "you are bad")
        assert (verdict["action"], verdict["labels"]) == ("block", {"toxic": 0.95})
        ask = {"type": "gate", "channel": "chat", "author": "ann", "publish": True}
        await peer.ask("verdict", **ask, text="hello", id="p", budget_ms=30_000)
        post = await subscriber.hear("post")
        assert (post["author"], post["text"]) == ("ann", "hello")
        ask = {"type": "translate", "text": "hello", "target": "de", "budget_ms": 30_000}
        said = await peer.ask("translation", **ask, id="t")
        assert (said["id"], said["text"]) == ("t", "[de] hello")


async def test_a_subscriber_resumes_on_another_gateway(town: Town) -> None:
    async with town.first.speaker() as publisher:
        async with town.first.speaker() as subscriber:
            await subscriber.ask("subscribed", type="subscribe", channel="weather")
            await publisher.ask("opened", type="open", channel="weather", budget_ms=60_000)
            await publish(publisher, 2 * SEGMENT_S)
            (seen,) = await hear_finals(subscriber, 1)
        await publish(publisher, SEGMENT_S)
        await publisher.ask("closed", type="close", channel="weather")
        async with town.second.speaker() as again:
            ask = {"type": "subscribe", "channel": "weather", "since": seen["cursor"]}
            assert (await again.ask("subscribed", **ask))["recovered"]
            missed = await hear_finals(again, 2)
            assert [start_of(final) for final in missed] == starts(3)[1:]
            await again.ask("pong", type="ping")
            assert [each for each in again.heard if each.get("final")] == []


async def test_another_worker_takes_over_in_mid_segment(town: Town) -> None:
    async with town.first.speaker() as publisher, town.second.speaker() as subscriber:
        programme = Programme(publisher, subscriber, "sport")
        await programme.begin()
        await publish(publisher, 1.5 * SEGMENT_S)
        await programme.hear_until(in_segment(1))
        town.workers["one"].signal(SIGKILL)
        await publish(publisher, SEGMENT_S)
        await town.captioner("two", engines.SLOWER_CAPTIONS)
        await programme.hear_until(final_of(1))
        await publish(publisher, SEGMENT_S / 2)
        await programme.hear_until(final_of(2))
        await programme.end()
        programme.check(3)


async def test_a_worker_that_wakes_up_cannot_speak_again(town: Town) -> None:
    """Stopped while its engine works, it speaks after another has become the owner."""
    async with (
        town.house.bus() as bus,
        town.first.speaker() as publisher,
        town.second.speaker() as subscriber,
    ):
        logs = [Log(Topic.PARTIALS, partition) for partition in range(PARTITIONS)]
        partials = await bus.tail(logs, 0)
        programme = Programme(publisher, subscriber, "talk")
        await programme.begin()
        await publish(publisher, 2.5 * SEGMENT_S)
        await programme.hear_until(in_segment(0))
        town.workers["two"].signal(SIGSTOP)
        await town.captioner("three")
        log = Log(Topic.PARTIALS, bus.partition_of("talk"))
        await read_until(partials, log, is_claim_of("captions-three/"))
        town.workers["two"].signal(SIGCONT)
        await read_until(partials, log, is_said_by("captions-two/"))
        await publish(publisher, SEGMENT_S / 2)
        await programme.hear_until(final_of(2))
        await programme.end()
        programme.check(3)
        async with asyncio.timeout(PATIENCE_S):
            while not await metric(town.second, "ontime_fanout_fenced"):
                pass


async def read_until(reader: Reader, log: Log, wanted: Wanted) -> None:
    """Fails when no such result comes in this log."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            records = (await reader.read(100, READ_S)).records
            for record in records:
                if record.log == log and wanted(*wire.decode_result(record)):
                    return


def is_claim_of(owner: str) -> Wanted:
    return lambda result, origin: isinstance(result, Claim) and origin.owner.startswith(owner)


def is_said_by(owner: str) -> Wanted:
    return lambda result, origin: not isinstance(result, Claim) and origin.owner.startswith(owner)


async def metric(door: Door, name: str) -> float:
    async with httpx.AsyncClient(trust_env=False) as http:
        text = (await http.get(f"http://127.0.0.1:{door.http_port}/metrics")).text
    (value,) = [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    ]
    return value
