"""A real gateway on the in-process bus; the test plays the workers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from stream.adapters.clock import AnchoredClock
from stream.adapters.memory import MemoryBus
from stream.adapters.tokens import Tokens
from stream.config import Config, Secret
from stream.core import wire
from stream.core.access import Right
from stream.core.messages import Action, Caption, Fact, Gap, Rung, Translation, Verdict
from stream.core.records import (
    SAMPLE_RATE,
    AudioChunk,
    Claim,
    Log,
    Origin,
    PostJob,
    Progress,
    Topic,
)
from stream.ports import Reader
from stream.serving import serving
from tests.browser.messages import LATENCY
from tests.browser.window import PATIENCE_MS

OWNER = "worker"
BUDGET_MS = 200


class Studio:
    """`say` writes what a worker would; the gateway can be stopped and started on its port."""

    def __init__(self, bus: MemoryBus, clock: AnchoredClock, posts: Reader, secret: str) -> None:
        self._bus = bus
        self._clock = clock
        self._posts = posts
        self._secret = secret
        self._port = 0
        self._gateway = AsyncExitStack()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/"

    async def start_gateway(self) -> None:
        config = Config(port=self._port, http_port=0, token_secret=Secret(self._secret))
        opening = serving(config, self._bus, self._clock)
        self._port = (await self._gateway.enter_async_context(opening)).port

    async def stop_gateway(self) -> None:
        await self._gateway.aclose()

    async def claim(self) -> None:
        """A worker speaks in a log only after it has said that the log is its own."""
        for topic in (Topic.CAPTIONS, Topic.PARTIALS, Topic.TRANSLATIONS):
            for partition in range(self._bus.partitions):
                payload = wire.encode_result(Claim(owner=OWNER), self._origin())
                await self._bus.publish(topic, "", *payload, partition=partition)

    async def say(self, fact: Fact) -> None:
        payload = wire.encode_result(fact, self._origin())
        await self._bus.publish(topic_of(fact), fact.channel, *payload)

    async def next_audio(self, channel: str, seconds: float) -> list[AudioChunk]:
        """A channel's audio from its beginning, once that is so long."""
        log = Log(Topic.AUDIO, self._bus.partition_of(channel))
        reader = await self._bus.tail([log], 1e9)
        found: list[AudioChunk] = []
        async with asyncio.timeout(PATIENCE_MS / 1000):
            while sum(len(chunk.pcm) for chunk in found) < seconds * 2 * SAMPLE_RATE:
                records = (await reader.read(100, 1.0)).records
                found += [wire.decode_audio(record) for record in records]
        await reader.close()
        return found

    async def finish(self, channel: str, epoch: str) -> None:
        """All captions of this audio are out."""
        over = Progress(channel=channel, epoch=epoch, audio_end=1.0, over=True)
        payload = wire.encode_result(over, self._origin())
        await self._bus.publish(Topic.PARTIALS, channel, *payload)

    async def next_post(self) -> PostJob:
        """The next post that waits for its verdict."""
        async with asyncio.timeout(PATIENCE_MS / 1000):
            while not (batch := await self._posts.read(1, 1.0)).records:
                pass
        return wire.decode_post(batch.records[0])

    async def judge(self, job: PostJob, action: Action, **more: Any) -> None:
        about: dict[str, Any] = {"rung": Rung.DRAFT, "latency": LATENCY}
        verdict = Verdict(id=job.id, channel=job.channel, action=action, **(about | more))
        payload = wire.encode_result(verdict, self._origin(job.gateway))
        await self._bus.publish(Topic.VERDICTS, job.channel, *payload)

    def token(self, *rights: Right) -> str:
        """Of a bearer with these rights on channel `demo`."""
        claims = {"sub": "ann", "channels": {"demo": list(rights)}}
        return Tokens(self._secret).make(claims)

    def _origin(self, to: str = "") -> Origin:
        return Origin(owner=OWNER, arrived=self._clock.now(), budget_ms=BUDGET_MS, to=to)


def topic_of(fact: Fact) -> Topic:
    match fact:
        case Caption(final=False) | Translation(final=False):
            return Topic.PARTIALS
        case Caption() | Gap():
            return Topic.CAPTIONS
        case Translation():
            return Topic.TRANSLATIONS
        case _:
            return Topic.EVENTS


@asynccontextmanager
async def on_air(secret: str = "") -> AsyncIterator[Studio]:
    """With a `secret`, the gateway asks for tokens."""
    clock = AnchoredClock()
    bus = MemoryBus(clock, "studio", partitions=2)
    logs = [Log(Topic.POSTS, partition) for partition in range(bus.partitions)]
    studio = Studio(bus, clock, await bus.tail(logs, 0), secret)
    await studio.claim()
    await studio.start_gateway()
    try:
        yield studio
    finally:
        await studio.stop_gateway()
        await bus.close()
