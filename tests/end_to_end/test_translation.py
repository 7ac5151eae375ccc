"""Translation through the whole service: growing captions, requests, LibreTranslate's client."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from signal import SIGKILL
from typing import Any

import httpx
import pytest
from libretranslatepy import LibreTranslateAPI

from stream import terminal
from stream.adapters.clock import AnchoredClock
from stream.adapters.media import Reading
from stream.adapters.memory import MemoryBus
from stream.client import Server
from stream.demo import bundled
from tests.end_to_end import engines
from tests.support.processes import children
from tests.support.scripted import SEGMENT_SAMPLES
from tests.support.served import PARTITIONS, Fields, Served, Speaker, served
from workers.ports import Task
from workers.service import Service

pytestmark = pytest.mark.timeout(60)
CLOCK = AnchoredClock()
SEGMENTS = 4


class Town:
    """A gateway, and workers that can be stopped and started again."""

    def __init__(self, house: Served, stack: AsyncExitStack) -> None:
        self.house = house
        self._stack = stack
        self._lives = 0

    async def work(self, task: Task, engine: str) -> Callable[[], Awaitable[None]]:
        """Start a worker; returns how it is killed."""
        self._lives += 1
        begun = asyncio.Event()
        service = Service(task=task, engine=engine, member=f"{task}-1", life=str(self._lives))
        running = asyncio.create_task(service.run(self.house.bus, CLOCK, lambda _: begun.set()))

        async def end() -> None:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

        self._stack.push_async_callback(end)
        await begun.wait()
        return end


@asynccontextmanager
async def town() -> AsyncIterator[Town]:
    bus = MemoryBus(CLOCK, "here", partitions=PARTITIONS)
    async with served(bus) as house, AsyncExitStack() as stack:
        yield Town(house, stack)
    await bus.close()


async def publish(speaker: Speaker, seconds: float, **fields: Any) -> None:
    await speaker.ask("opened", type="open", channel="news", translate=["de"], **fields)
    for _ in range(round(seconds * 10)):
        await speaker.connection.send(bytes(3_200))
    await speaker.say(type="close", channel="news")


async def hear_finals(speaker: Speaker, kind: str, count: int) -> list[Fields]:
    """Messages of a kind up to the last of so many finals."""
    heard: list[Fields] = []
    while sum(message["final"] for message in heard) < count:
        heard.append(await speaker.hear(kind))
    return heard


async def test_a_subscriber_reads_the_growing_captions_in_its_language() -> None:
    async with town() as place, place.house.speaker() as reader, place.house.speaker() as studio:
        await place.work("captions", engines.CAPTIONS)
        await place.work("translation", engines.TRANSLATION)
        await reader.ask("subscribed", type="subscribe", channel="news", languages=["de"])
        seconds = SEGMENTS * SEGMENT_SAMPLES / 16_000
        await publish(studio, seconds, budget_ms=10_000)
        translations = await hear_finals(reader, "translation", SEGMENTS)
        finals = {m["segment"]: m for m in await hear_finals(reader, "caption", SEGMENTS)}
    assert any(not message["final"] for message in translations)
    ended = [message for message in translations if message["final"]]
    assert [message["source_segment"] for message in ended] == [
        segment for segment, caption in finals.items() if caption["final"]
    ]
    for message in ended:
        source = finals[message["source_segment"]]
        assert message["text"] == f"[de] {source['text']}"
        assert message["source_revision"] == source["revision"]
        assert (message["start"], message["end"]) == (source["start"], source["end"])
        assert (message["rung"], message["late"], message["budget_ms"]) == (
            "verified",
            False,
            10_100,
        )
        assert message["cursor"]


async def test_a_publisher_hears_of_subtitles_that_nobody_offers() -> None:
    async with town() as place, place.house.speaker() as studio:
        await place.work("translation", engines.TRANSLATION)
        wish = {"type": "open", "channel": "news", "translate": ["de", "nl"]}
        await studio.ask("opened", id="o", **wish)
        told = await studio.hear("error")
        assert (told["id"], told["code"]) == ("o", "unavailable")
        assert told["message"] == "translate has nl, expected languages offered from en: de"
        await studio.ask("pong", type="ping", id="still here")


async def test_ingest_warns_of_subtitles_that_nobody_offers_and_publishes_the_captions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []
    monkeypatch.setattr(terminal, "warn", said.append)
    recording = Reading(str(bundled().recordings[0]))
    async with town() as place, place.house.speaker() as reader:
        await place.work("captions", engines.CAPTIONS)
        await place.work("translation", engines.TRANSLATION)
        await reader.ask("subscribed", type="subscribe", channel="news", kinds=["captions"])
        server = Server(f"ws://127.0.0.1:{place.house.port}")
        wishes = ("nl", "de")
        await terminal.ingest(recording, "news", server, CLOCK, realtime=False, translate=wishes)
        assert await hear_finals(reader, "caption", 1)
    assert said == ["translate has nl, expected languages offered from en: de"]


@pytest.mark.parametrize("blow", ["engine", "worker"])
async def test_no_final_translation_is_lost_or_doubled_by_a_crash(blow: str) -> None:
    async with town() as place, place.house.speaker() as reader, place.house.speaker() as studio:
        await place.work("captions", engines.CAPTIONS)
        before = children()
        kill = await place.work("translation", engines.TRANSLATION)
        (engine,) = children() - before
        await reader.ask("subscribed", type="subscribe", channel="news", kinds=["translations"])
        await publish(studio, SEGMENTS * SEGMENT_SAMPLES / 16_000, budget_ms=10_000)
        heard = await hear_finals(reader, "translation", 1)
        if blow == "engine":
            os.kill(engine, SIGKILL)
        else:
            await kill()
            await place.work("translation", engines.TRANSLATION)
        heard += await hear_finals(reader, "translation", SEGMENTS - 1)
        marker = await reader.ask("pong", type="ping", id="end")
        heard += [message for message in reader.heard if message["type"] == "translation"]
    assert marker["id"] == "end"
    finals = [message["segment"] for message in heard if message["final"]]
    assert max(Counter(finals).values()) == 1
    starts = [int(segment.rpartition("-")[2]) for segment in finals]
    assert starts == [number * SEGMENT_SAMPLES for number in range(SEGMENTS)]


async def test_libretranslates_own_client_works_unchanged() -> None:
    async with town() as place:
        await place.work("translation", engines.TRANSLATION)
        client = LibreTranslateAPI(place.house.http)

        def talk() -> tuple[Any, ...]:
            return (
                client.languages(),
                client.detect("What a lovely day!"),
                client.translate("Hello there.", "en", "de"),
                client.translate("Hello there.", "auto", "de"),
            )

        languages, detected, translated, recognised = await asyncio.to_thread(talk)
    assert languages == [
        {"code": "en", "name": "English", "targets": ["de", "en"]},
        {"code": "de", "name": "German", "targets": ["de"]},
    ]
    assert detected[0]["language"] == "en"
    assert translated == recognised == "[de] Hello there."


async def test_requests_by_http_as_json_and_as_a_form() -> None:
    async with town() as place, httpx.AsyncClient(base_url=place.house.http) as client:
        await place.work("translation", engines.TRANSLATION)
        body = {"q": ["one", "", "two\n\nlines"], "source": "auto", "target": "de"}
        answer = (await client.post("/translate", json=body)).json()
        assert answer["translatedText"] == ["[de] one", "[de] ", "[de] two\n\nlines"]
        assert [each["language"] for each in answer["detectedLanguage"]] == ["en"] * 3
        form = {"q": ["one", "two"], "source": "en", "target": "de", "budget_ms": "2000"}
        answer = (await client.post("/translate", data=form)).json()
        assert answer["translatedText"] == ["[de] one", "[de] two"]
        for target, status in (("xx", 501), ("German", 400)):
            refused = await client.post("/translate", json={"q": "x", "target": target})
            assert refused.status_code == status
            assert "target is" in refused.json()["error"]
        foreign = {
            "q": ["Good day.", "¿Dónde está la biblioteca?"],
            "source": "auto",
            "target": "de",
        }
        refused = await client.post("/translate", json=foreign)
        told = {"error": "recognised source is es, expected one of en", "code": "unavailable"}
        assert (refused.status_code, refused.json()) == (501, told)
        detected = (await client.post("/detect", json={"q": foreign["q"][1]})).json()
        assert (detected[0]["language"], detected[0]["confidence"] > 99) == ("es", True)
        long = await client.post("/translate", json={"q": "x" * 16_001, "target": "de"})
        assert (long.status_code, long.json()["code"]) == (400, "malformed")


async def test_without_a_worker_languages_say_so() -> None:
    async with town() as place, httpx.AsyncClient(base_url=place.house.http) as client:
        answer = await client.get("/languages")
        assert answer.status_code == 501
        assert "no translation worker" in answer.json()["error"]


async def test_a_websocket_asks_for_a_translation_from_whatever_language() -> None:
    async with town() as place, place.house.speaker() as speaker:
        await place.work("translation", engines.TRANSLATION)
        asked = {"type": "translate", "source": "auto", "target": "de", "budget_ms": 5_000}
        answer = await speaker.ask("translation", id="1", text="How are you today?", **asked)
        assert (answer["id"], answer["text"]) == ("1", "[de] How are you today?")
        assert answer["detected"]["language"] == "en"
