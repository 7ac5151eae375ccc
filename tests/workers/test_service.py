"""A service: an engine's process, its role, and a worker that is made anew when the bus fails."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from signal import SIGKILL

import pytest

from stream.adapters.clock import AnchoredClock
from stream.adapters.memory import MemoryBus
from stream.core import wire
from stream.core.errors import BusGone, EngineMissing
from stream.core.messages import Rung, Verdict
from stream.core.records import (
    Headers,
    Log,
    Origin,
    Position,
    PostJob,
    Result,
    Topic,
)
from stream.ports import Reader
from tests.end_to_end import engines
from tests.support.processes import children
from workers.ports import Task
from workers.service import Service
from workers.worker import Worker

CLOCK = AnchoredClock()
PATIENCE_S = 20.0


class Shaky(MemoryBus):
    """Loses the first answers that are given to it."""

    losses = 0

    def publish_nowait(
        self,
        topic: Topic,
        key: str,
        value: bytes,
        headers: Headers,
        *,
        partition: int | None = None,
    ) -> asyncio.Future[Position]:
        if topic is Topic.VERDICTS and self.losses:
            self.losses -= 1
            lost: asyncio.Future[Position] = asyncio.get_running_loop().create_future()
            lost.set_exception(BusGone("not acknowledged"))
            return lost
        return super().publish_nowait(topic, key, value, headers, partition=partition)


def service(task: Task, engine: str = "") -> Service:
    return Service(task=task, engine=engine, member="m", life="1")


@asynccontextmanager
async def running(bus: MemoryBus, made: Service) -> AsyncIterator[list[Worker]]:
    """The workers that were made so far."""
    workers: list[Worker] = []
    begun = asyncio.Event()

    def watch(worker: Worker) -> None:
        workers.append(worker)
        begun.set()

    task = asyncio.create_task(made.run(bus, CLOCK, watch))
    async with asyncio.timeout(PATIENCE_S):
        await begun.wait()
    try:
        yield workers
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def tail_of(bus: MemoryBus, topic: Topic) -> Reader:
    return await bus.tail([Log(topic, partition) for partition in range(bus.partitions)], 1e9)


async def next_result(reader: Reader) -> tuple[Result, Origin]:
    async with asyncio.timeout(PATIENCE_S):
        while not (records := (await reader.read(1, 1.0)).records):
            pass
    return wire.decode_result(records[0])


async def post(bus: MemoryBus, name: str, text: str = "hello") -> None:
    job = PostJob(
        id=name, channel="c", text=text, gateway="g", arrived=CLOCK.now(), budget_ms=10_000
    )
    payload = wire.encode_job(job)
    await bus.publish(Topic.POSTS, "c", payload.value, payload.headers)


async def test_a_post_is_judged_in_another_process_that_ends_with_the_service() -> None:
    bus, before = MemoryBus(CLOCK, "here"), children()
    verdicts = await tail_of(bus, Topic.VERDICTS)
    async with running(bus, service("moderation", engines.MODERATION)):
        assert len(children() - before) == 1
        await post(bus, "1", "bad")
        verdict, origin = await next_result(verdicts)
        assert isinstance(verdict, Verdict)
        assert (verdict.id, verdict.labels) == ("1", {"toxic": 0.95})
        assert (origin.owner, origin.to) == ("m/1", "g")
    assert children() == before


async def test_the_start_of_an_engine_is_no_part_of_a_rungs_time() -> None:
    """A profile that took it for one would answer at the lowest rung from then on."""
    bus, before = MemoryBus(CLOCK, "here"), children()
    verdicts = await tail_of(bus, Topic.VERDICTS)
    async with running(bus, service("moderation", engines.MODERATION)):
        for number in range(6):
            if number in {1, 3}:
                (engine,) = children() - before
                os.kill(engine, SIGKILL)
            await post(bus, str(number))
            verdict, _ = await next_result(verdicts)
            assert isinstance(verdict, Verdict)
            assert (verdict.id, verdict.rung, verdict.degraded) == (
                str(number),
                Rung.VERIFIED,
                False,
            )


async def test_when_the_bus_loses_an_answer_a_new_worker_gives_it_again() -> None:
    bus = Shaky(CLOCK, "here")
    bus.losses = 1
    verdicts = await tail_of(bus, Topic.VERDICTS)
    async with running(bus, service("moderation", engines.MODERATION)) as workers:
        await post(bus, "1")
        verdict, _ = await next_result(verdicts)
        assert isinstance(verdict, Verdict)
        assert verdict.id == "1"
        assert len(workers) == 2


@pytest.mark.parametrize("task", ["captions", "moderation", "translation"])
async def test_an_engine_that_is_not_there_is_said_at_once(task: Task) -> None:
    bus = MemoryBus(CLOCK, "here")
    with pytest.raises(EngineMissing, match=f"no {task} engine 'nosuch'"):
        await service(task, "nosuch").run(bus, CLOCK)
