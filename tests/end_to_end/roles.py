"""The roles as processes of their own on one broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from stream.adapters.clock import AnchoredClock
from stream.adapters.kafka import KafkaBus, create_topics
from tests.end_to_end.commands import ANY_PORT, PATIENCE_S, Command, ontime, ports_of
from tests.end_to_end.speaking import speaker
from tests.support.broker import new_prefix, real_settings
from tests.support.served import Fields, Speaker

PARTITIONS = 4
GUARD_MS = "200"
"""A loaded machine wakes late; the gateway then answers that much before the deadline."""


@dataclass(frozen=True)
class House:
    """A broker with Ontime's topics; each role that is started on it is a command."""

    kafka: str
    prefix: str = field(default_factory=new_prefix)

    async def build(self) -> None:
        await create_topics(real_settings(self.kafka, self.prefix), PARTITIONS)

    def worker(
        self, task: str, *engine: str, member: str = "one"
    ) -> AbstractAsyncContextManager[Command]:
        engines = [part for name in engine for part in ("--engine", name)]
        return self.role("worker", task, "--member", f"{task}-{member}", *engines)

    @asynccontextmanager
    async def gateway(self) -> AsyncIterator[Door]:
        guard = {"ONTIME_GATE_GUARD_MS": GUARD_MS}
        async with self.role("gateway", *ANY_PORT, **guard) as command:
            yield Door(command, *await ports_of(command))

    def role(self, *arguments: str, **settings: str) -> AbstractAsyncContextManager[Command]:
        bus = {"ONTIME_KAFKA": self.kafka, "ONTIME_KAFKA_PREFIX": self.prefix}
        return ontime(*arguments, **bus, **settings)

    @asynccontextmanager
    async def bus(self) -> AsyncIterator[KafkaBus]:
        """The test's own view of the logs."""
        bus = await KafkaBus.connect(real_settings(self.kafka, self.prefix), AnchoredClock())
        try:
            yield bus
        finally:
            await bus.close()


@dataclass(frozen=True)
class Door:
    """A running gateway and its ports."""

    command: Command
    port: int
    http_port: int

    def speaker(self) -> AbstractAsyncContextManager[Speaker]:
        return speaker(self.port)


async def judged(peer: Speaker, text: str, budget_ms: int, channel: str = "chat") -> Fields:
    """The verdict on a post, which came by its deadline."""
    asked: dict[str, Any] = {"channel": channel, "text": text, "budget_ms": budget_ms}
    verdict = await peer.ask("verdict", type="gate", id="g", **asked)
    assert verdict["latency"]["total_ms"] <= budget_ms
    return verdict


async def until_judged(peer: Speaker, text: str = "hello") -> Fields:
    """The first verdict that a model gave: each one before it came by its deadline too."""
    before: list[tuple[str, float]] = []
    try:
        async with asyncio.timeout(PATIENCE_S):
            while (verdict := await judged(peer, text, 2_000))["degraded"]:
                before.append((verdict["rung"], verdict["latency"]["total_ms"]))
    except TimeoutError:
        raise AssertionError(f"no model answers; rungs and latencies {before[-5:]}") from None
    return verdict
