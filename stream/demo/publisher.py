"""Plays the bundled recordings in real time, in a loop, and posts chat through the gate."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import orjson
import structlog

from stream.client import Client, Server, connected
from stream.core.errors import OntimeError
from stream.core.messages import Opened, Verdict
from stream.core.offers import ALL
from stream.core.records import SAMPLE_RATE
from stream.core.requests import Gate, Open
from stream.ports import Clock

DEMO_CHANNEL = "demo"
PIECE_BYTES = SAMPLE_RATE // 25 * 2
RECONNECT_S = 1.0

Decode = Callable[[str], Iterable[bytes]]
logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    """Recordings with `pause_s` of silence after each; chat (author and text) as a person types.

    `translate`: languages of its subtitles.
    """

    recordings: Sequence[Path]
    chat: Sequence[Mapping[str, str]]
    pause_s: float = 1.0
    chat_every_s: float = 4.0
    translate: tuple[str, ...] = (ALL,)


def bundled() -> Programme:
    """What lies beside this file, in the order of its manifest."""
    folder = Path(str(files("stream.demo")))
    entries = orjson.loads((folder / "manifest.json").read_bytes())
    lines = (folder / "chat.jsonl").read_bytes().splitlines()
    return Programme(
        recordings=[folder / entry["audio"] for entry in entries],
        chat=[orjson.loads(line) for line in lines],
    )


async def play(server: Server, programme: Programme, decode: Decode, clock: Clock) -> None:
    """Publish on channel `demo` until cancelled; `decode` turns a file into PCM pieces."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_again(lambda: _speak(server, programme, decode, clock)))
        tasks.create_task(_again(lambda: _chat(server, programme)))


async def _again(talk: Callable[[], Awaitable[None]]) -> None:
    """A demo outlives its connections."""
    while True:
        try:
            await talk()
        except* OntimeError as errors:
            logger.info("demo connects again", error=str(errors.exceptions[0]))
        await asyncio.sleep(RECONNECT_S)


async def _speak(server: Server, programme: Programme, decode: Decode, clock: Clock) -> None:
    async with connected(server) as client:
        await client.send(Open(id="demo", channel=DEMO_CHANNEL, translate=programme.translate))
        await client.expect(Opened, "demo")
        async with asyncio.TaskGroup() as tasks:
            listener = tasks.create_task(_listen(client))
            await _send_in_time(client, _pieces(programme, decode), clock)
            listener.cancel()


async def _listen(client: Client) -> None:
    """Read on, so that a close or an error is noticed."""
    while True:
        await client.receive()


async def _pieces(programme: Programme, decode: Decode) -> AsyncIterator[bytes]:
    """The recordings one after the other, for ever."""
    pause = bytes(int(programme.pause_s * SAMPLE_RATE) * 2)
    for path in itertools.cycle(programme.recordings):
        # Ten seconds of speech take fifty milliseconds to decode: too long for the loop.
        pcm = await asyncio.to_thread(_decoded, decode, path) + pause
        for at in range(0, len(pcm), PIECE_BYTES):
            yield pcm[at : at + PIECE_BYTES]


def _decoded(decode: Decode, path: Path) -> bytes:
    return b"".join(decode(str(path)))


async def _send_in_time(client: Client, pieces: AsyncIterator[bytes], clock: Clock) -> None:
    """Send each piece when its last sample would have been spoken."""
    due = clock.now()
    async for piece in pieces:
        due += len(piece) / 2 / SAMPLE_RATE
        await asyncio.sleep(max(0.0, due - clock.now()))
        await client.send_audio(piece)


async def _chat(server: Server, programme: Programme) -> None:
    async with connected(server) as client:
        for number, line in enumerate(itertools.cycle(programme.chat)):
            await asyncio.sleep(programme.chat_every_s)
            request = Gate(
                id=str(number),
                channel=DEMO_CHANNEL,
                text=line["text"],
                author=line["author"],
                publish=True,
            )
            await client.send(request)
            await client.expect(Verdict, request.id)
