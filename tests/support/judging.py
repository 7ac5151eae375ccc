"""A moderation worker with the shipped rules, in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

from stream.adapters.clock import AnchoredClock
from stream.core.messages import Rung
from stream.ports import Bus
from workers.core.profile import LatencyProfile
from workers.core.schedule import Schedule
from workers.engines.rules import Rules, make_engine
from workers.moderation import Moderation
from workers.ports import Answer, Question
from workers.worker import Worker, WorkerLimits


class InProcess:
    """The rules behind the port that a worker knows, without a process of their own."""

    def __init__(self) -> None:
        self.rules: Rules = make_engine()

    async def wait_up(self) -> None:
        return None

    async def run(
        self, rung: Rung, questions: Sequence[Question], timeout_s: float
    ) -> Sequence[Answer]:
        return await asyncio.to_thread(self.rules.run, rung, questions)

    def forget(self, stream: str) -> None:
        return None

    def hurry(self) -> None:
        return None

    def statistics(self) -> Mapping[str, float]:
        return {}


@asynccontextmanager
async def judging(bus: Bus, member: str = "judge") -> AsyncIterator[Worker]:
    """A worker that has begun to read."""
    engine = InProcess()
    worker = Worker(
        bus,
        Moderation(engine.rules.card, member),
        engine,
        Schedule(LatencyProfile()),
        clock=AnchoredClock(),
        member=member,
        limits=WorkerLimits(read_wait_s=0.05),
    )
    working = asyncio.create_task(worker.run())
    ready = asyncio.create_task(worker.wait_ready())
    await asyncio.wait([working, ready], return_when=asyncio.FIRST_COMPLETED)
    try:
        yield worker
    finally:
        working.cancel()
        ready.cancel()
        with suppress(asyncio.CancelledError):
            await working
