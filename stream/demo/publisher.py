"""Plays the bundled recordings in real time, in a loop, and posts chat through the gate."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable, Iterator
from importlib.resources import files
from pathlib import Path

import orjson
import structlog

from stream.client import Client, connected
from stream.core.errors import OntimeError
from stream.core.messages import Opened, Verdict
from stream.core.records import SAMPLE_RATE
from stream.core.requests import Gate, Open
from stream.ports import Clock

DEMO_CHANNEL = "demo"
PIECE_MS = 40
PAUSE_S = 1.0
CHAT_EVERY_S = 4.0
RECONNECT_S = 1.0

Decode = Callable[[str], Iterable[bytes]]
logger = structlog.get_logger(__name__)


async def play(url: str, token: str, decode: Decode, clock: Clock) -> None:
    """Publish on channel `demo` at `url` until cancelled; `decode` turns a file into PCM pieces."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_again(lambda: _speak(url, token, decode, clock)))
        tasks.create_task(_again(lambda: _chat(url, token)))


def recordings() -> list[Path]:
    """The bundled recordings, in the order of their manifest."""
    folder = Path(str(files("stream.demo")))
    entries = orjson.loads((folder / "manifest.json").read_bytes())
    return [folder / entry["audio"] for entry in entries]


def chat_lines() -> list[dict[str, str]]:
    """Sample chat: author and text."""
    lines = files("stream.demo").joinpath("chat.jsonl").read_bytes().splitlines()
    return [orjson.loads(line) for line in lines]


async def _again(talk: Callable[[], Awaitable[None]]) -> None:
    """A demo outlives its connections."""
    while True:
        try:
            await talk()
        except* OntimeError as errors:
            logger.info("demo connects again", error=str(errors.exceptions[0]))
        await asyncio.sleep(RECONNECT_S)


async def _speak(url: str, token: str, decode: Decode, clock: Clock) -> None:
    async with connected(url, token) as client:
        await client.send(Open(id="demo", channel=DEMO_CHANNEL))
        await client.expect(Opened, "demo")
        async with asyncio.TaskGroup() as tasks:
            listener = tasks.create_task(_listen(client))
            await _send_in_time(client, _programme(decode), clock)
            listener.cancel()


async def _listen(client: Client) -> None:
    """Read on, so that a close or an error is noticed."""
    while True:
        await client.receive()


def _programme(decode: Decode) -> Iterator[bytes]:
    """The recordings one after the other, a second of silence between them, for ever."""
    pause = bytes(int(PAUSE_S * SAMPLE_RATE) * 2)
    paths = recordings()
    sizes = PIECE_MS * SAMPLE_RATE // 1000 * 2
    for path in itertools.cycle(paths):
        pcm = b"".join(decode(str(path))) + pause
        for at in range(0, len(pcm), sizes):
            yield pcm[at : at + sizes]


async def _send_in_time(client: Client, pieces: Iterable[bytes], clock: Clock) -> None:
    """Send each piece when its last sample would have been spoken."""
    due = clock.now()
    for piece in pieces:
        due += len(piece) / 2 / SAMPLE_RATE
        await asyncio.sleep(max(0.0, due - clock.now()))
        await client.send_audio(piece)


async def _chat(url: str, token: str) -> None:
    async with connected(url, token) as client:
        for number, line in enumerate(itertools.cycle(chat_lines())):
            await asyncio.sleep(CHAT_EVERY_S)
            request = Gate(
                id=str(number),
                channel=DEMO_CHANNEL,
                text=line["text"],
                author=line["author"],
                publish=True,
            )
            await client.send(request)
            await client.expect(Verdict, request.id)
