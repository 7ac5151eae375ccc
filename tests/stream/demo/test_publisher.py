"""The demo publishes and chats as others do, round and round, and outlives its server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path

import pytest

from stream.adapters.clock import AnchoredClock
from stream.adapters.media import Recording
from stream.client import Server
from stream.core import wire
from stream.core.messages import Action, Rung, Verdict
from stream.core.records import PostJob, Topic
from stream.demo import DEMO_CHANNEL, Programme, bundled, play, publisher
from tests.support.served import Served, moderating, served

SAMPLES = 1_600
PROGRAMME = Programme(
    recordings=[Path("1"), Path("2")],
    chat=[{"author": "ann", "text": "hello"}, {"author": "bob", "text": "good evening"}],
    pause_s=0.01,
    chat_every_s=0.01,
)


def decode(path: str) -> Iterable[bytes]:
    """A tenth of a second whose samples all say which recording it is."""
    return [int(path).to_bytes(2, "little") * SAMPLES]


def allow(job: PostJob) -> Verdict:
    return Verdict(id=job.id, channel=job.channel, action=Action.ALLOW, rung=Rung.DRAFT)


@asynccontextmanager
async def playing(house: Served) -> AsyncIterator[None]:
    server = Server(house.url.removesuffix("/v1/stream"))
    task = asyncio.create_task(play(server, PROGRAMME, decode, AnchoredClock()))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_the_recordings_come_one_after_the_other_in_a_loop() -> None:
    async with served() as house, playing(house):
        found: list[int] = []
        for records in count(10, 10):
            chunks = [wire.decode_audio(each) for each in await house.read(Topic.AUDIO, records)]
            assert {chunk.channel for chunk in chunks} == {DEMO_CHANNEL}
            found = [value for chunk in chunks for value in chunk.pcm[::2] if value]
            if len(found) >= 3 * SAMPLES:
                break
        order = [found[at] for at in range(0, 3 * SAMPLES, SAMPLES)]
        assert order == [1, 2, 1]


async def test_chat_goes_through_the_gate_line_by_line() -> None:
    async with served() as house, moderating(house, allow), house.speaker() as peer:
        await peer.ask("subscribed", type="subscribe", channel=DEMO_CHANNEL)
        async with playing(house):
            posts = [await peer.hear("post") for _ in range(3)]
    assert [(post["author"], post["text"]) for post in posts] == [
        ("ann", "hello"),
        ("bob", "good evening"),
        ("ann", "hello"),
    ]


async def test_it_waits_for_a_server_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "RECONNECT_S", 0.01)
    async with served() as house:
        port = house.port
        server = Server(f"ws://127.0.0.1:{port}")
    task = asyncio.create_task(play(server, PROGRAMME, decode, AnchoredClock()))
    async with served(port=port) as house:
        assert await house.read(Topic.AUDIO, 3)
        assert not task.done()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def test_what_is_bundled_can_be_played() -> None:
    programme = bundled()
    assert all(path.is_file() for path in programme.recordings)
    assert all(line["author"] and 0 < len(line["text"]) < 500 for line in programme.chat)
    with Recording(str(programme.recordings[0])) as recording:
        assert next(iter(recording))
