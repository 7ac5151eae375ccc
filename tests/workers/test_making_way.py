"""A worker, its role and an engine's process: what is under way ends for those who come."""

from __future__ import annotations

import asyncio

from stream.adapters.clock import AnchoredClock
from stream.adapters.memory import MemoryBus
from stream.core import wire
from stream.core.messages import Rung, Translation
from stream.core.records import Log, TextJob, Topic
from stream.ports import Bus, Reader
from tests.support.scripted import SCRIPTED
from workers.core.profile import LatencyProfile
from workers.core.schedule import Schedule
from workers.engines.process import EngineProcess
from workers.service import limits_of
from workers.translation import Translating
from workers.worker import Worker, WorkerLimits

CLOCK = AnchoredClock()
FOR_EVER = "!wait 1000000"


async def ask(bus: Bus, name: str, text: str, budget_ms: int) -> None:
    job = TextJob(
        id=name,
        channel="c",
        text=text,
        source="en",
        target="de",
        gateway="g",
        arrived=CLOCK.now(),
        budget_ms=budget_ms,
    )
    payload = wire.encode_job(job)
    await bus.publish(Topic.TEXTS, "c", payload.value, payload.headers)


async def told(reader: Reader) -> Translation:
    while True:
        for record in (await reader.read(1, 0.5)).records:
            result, _ = wire.decode_result(record)
            if isinstance(result, Translation):
                return result


async def test_whoever_comes_is_served_at_once_and_what_was_broken_off_keeps_its_draft() -> None:
    bus = MemoryBus(CLOCK, "test")
    options = {"task": "translation", "patient": True}
    async with EngineProcess(SCRIPTED, "translation", options) as engine:
        role = Translating(engine.card, "o")
        schedule = Schedule(LatencyProfile(), limits_of(engine.card))
        limits = WorkerLimits(read_wait_s=0.05, hang_s=60.0)
        worker = Worker(bus, role, engine, schedule, clock=CLOCK, member="w", limits=limits)
        logs = [Log(Topic.TRANSLATIONS, partition) for partition in range(bus.partitions)]
        reader = await bus.tail(logs, float("inf"))
        task = asyncio.create_task(worker.run())
        await worker.wait_ready()
        await ask(bus, "first", FOR_EVER, budget_ms=2_000)
        while not schedule.statistics()["batches"]:  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0)
        await ask(bus, "second", "hello", budget_ms=1_500)
        second = await told(reader)
        assert (second.id, second.text, second.rung) == ("second", "[de] hello", Rung.VERIFIED)
        first = await told(reader)
        assert (first.id, first.text, first.rung) == ("first", f"[de] {FOR_EVER}", Rung.DRAFT)
        assert worker.statistics()["broken_off"] == 1
        task.cancel()
        await asyncio.wait([task])
