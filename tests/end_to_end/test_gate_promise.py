"""The gate's promise with a real worker: the model hangs, is stopped, is killed, the bus goes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP

import pytest

from tests.end_to_end import engines
from tests.support.processes import children
from tests.support.served import PATIENCE_S, Fields, Served, Speaker, served
from workers.service import Service
from workers.worker import Worker

BUDGET_MS = 800
GUARD_MS = 200.0
"""Much of the budget, so that a busy machine does not look like a broken promise."""

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="finds processes in /proc")


@asynccontextmanager
async def moderation(house: Served) -> AsyncIterator[Callable[[], set[int]]]:
    """A moderation worker whose scripted engine runs in a process of its own, and what tells which
    process that is by now.
    """
    begun, before = asyncio.Event(), children()
    service = Service(task="moderation", engine=engines.MODERATION, member="m", life="1")

    def watch(worker: Worker) -> None:
        begun.set()

    working = asyncio.create_task(service.run(house.bus, house.clock, watch))
    await begun.wait()
    try:
        yield lambda: children() - before
    finally:
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working


async def ask(speaker: Speaker, text: str = "hello", budget_ms: int = BUDGET_MS) -> Fields:
    fields = {"type": "gate", "channel": "chat", "id": os.urandom(4).hex(), "text": text}
    return await speaker.ask("verdict", **fields, budget_ms=budget_ms)


def check_answered_by_policy(verdict: Fields) -> None:
    assert (verdict["action"], verdict["rung"]) == ("review", "repeat")
    assert verdict["degraded"]
    assert not verdict["late"]
    assert verdict["latency"]["total_ms"] <= BUDGET_MS


async def check_recovers(speaker: Speaker) -> None:
    """Sooner or later the model judges again."""
    async with asyncio.timeout(PATIENCE_S):
        while (await ask(speaker, budget_ms=2_000))["rung"] == "repeat":
            pass


async def test_while_the_model_hangs_the_policy_answers_in_time() -> None:
    async with (
        served(gate_guard_ms=GUARD_MS) as house,
        moderation(house),
        house.speaker() as speaker,
    ):
        await check_recovers(speaker)
        check_answered_by_policy(await ask(speaker, "!hang"))
        await check_recovers(speaker)


async def test_while_the_model_is_stopped_the_policy_answers_in_time() -> None:
    async with (
        served(gate_guard_ms=GUARD_MS) as house,
        moderation(house) as engine_processes,
        house.speaker() as speaker,
    ):
        await check_recovers(speaker)
        stopped = engine_processes()
        assert stopped
        for pid in stopped:
            os.kill(pid, SIGSTOP)
        try:
            for _ in range(3):
                check_answered_by_policy(await ask(speaker))
        finally:
            for pid in stopped:
                with suppress(ProcessLookupError):  # the worker may have ended it by now
                    os.kill(pid, SIGCONT)
        await check_recovers(speaker)


async def test_a_model_that_is_killed_is_replaced() -> None:
    async with (
        served(gate_guard_ms=GUARD_MS) as house,
        moderation(house) as engine_processes,
        house.speaker() as speaker,
    ):
        await check_recovers(speaker)
        for pid in engine_processes():
            os.kill(pid, SIGKILL)
        assert (await ask(speaker))["latency"]["total_ms"] <= BUDGET_MS
        await check_recovers(speaker)


async def test_when_the_bus_goes_the_policy_answers_in_time() -> None:
    async with served(gate_guard_ms=GUARD_MS, drain_s=0.1) as house, house.speaker() as speaker:
        await house.bus.close()
        check_answered_by_policy(await ask(speaker))
        check_answered_by_policy(await ask(speaker))
