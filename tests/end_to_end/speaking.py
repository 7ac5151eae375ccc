"""A peer of a running command, speaking plain JSON, and the audio that it publishes."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from websockets.asyncio.client import connect

from tests.support.served import Fields, Speaker

SAMPLE_RATE = 16_000
PIECE_SAMPLES = 640


@asynccontextmanager
async def speaker(
    port: int, token: str = "", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Speaker]:
    url = f"{'wss' if tls else 'ws'}://127.0.0.1:{port}/v1/stream"
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with connect(
        url, compression=None, proxy=None, ssl=tls, additional_headers=headers
    ) as connection:
        yield Speaker(connection)


async def publish(publisher: Speaker, seconds: float) -> None:
    """Silence, in pieces of 40 ms; the scripted engine hears a word each 320 ms of it."""
    for _ in range(round(seconds * SAMPLE_RATE / PIECE_SAMPLES)):
        await publisher.connection.send(bytes(PIECE_SAMPLES * 2))


async def hear_finals(subscriber: Speaker, count: int) -> list[Fields]:
    """The next finals of a subscription."""
    finals: list[Fields] = []
    while len(finals) < count:
        caption = await subscriber.hear("caption")
        if caption["final"]:
            finals.append(caption)
    return finals
