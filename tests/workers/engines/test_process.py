"""An engine's process: watched, ended when it hangs, started again, gone with its parent."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stream.core.errors import EngineError, EngineLost, EngineMissing
from stream.core.messages import Rung
from tests.support.scripted import SCRIPTED
from workers.engines.process import EngineProcess, ProcessLimits
from workers.ports import Judge, Scored

ROOT = Path(__file__).parents[3]
PATIENCE_S = 30.0
HANG_S = 0.3


def scripted(**options: object) -> EngineProcess:
    limits = ProcessLimits(start_s=20.0, backoff_s=0.01)
    return EngineProcess(SCRIPTED, "moderation", {"task": "moderation", **options}, limits=limits)


async def ask(engine: EngineProcess, text: str, timeout_s: float = PATIENCE_S) -> float:
    (answer,) = await engine.run(Rung.DRAFT, [Judge(text=text)], timeout_s)
    assert isinstance(answer, Scored)
    return answer.labels["toxic"]


GOOD, BAD = 0.05, 0.95


def is_gone(pid: int) -> bool:
    """Wait until a process that may not be our child has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], PATIENCE_S)[0])
    finally:
        os.close(descriptor)


async def test_what_it_asks_is_answered_and_the_end_leaves_nothing() -> None:
    async with scripted() as engine:
        assert await ask(engine, "so bad") == BAD
        pid = engine.pid
    assert is_gone(pid)
    assert engine.statistics() == {"engine_up": 0, "engine_starts": 1, "engine_runs": 1}


@pytest.mark.parametrize("script", ["!error", "!bug"])
async def test_an_engine_that_raises_lives(script: str) -> None:
    async with scripted() as engine:
        pid = engine.pid
        with pytest.raises(EngineError, match=r"as the script says|ValueError") as caught:
            await ask(engine, script)
        assert not isinstance(caught.value, EngineLost)
        assert await ask(engine, "good") == GOOD
        assert engine.pid == pid


@pytest.mark.parametrize("script", ["!hang", "!exit", "!kill", "!segfault", "!babble"])
async def test_an_engine_that_falls_is_replaced(script: str) -> None:
    async with scripted() as engine:
        pid = engine.pid
        with pytest.raises(EngineLost):
            await ask(engine, script, HANG_S)
        assert await ask(engine, "good") == GOOD
        assert is_gone(pid)
        assert engine.pid != pid
        assert engine.statistics()["engine_starts"] == 2


async def test_a_hang_costs_its_timeout_and_no_more() -> None:
    async with scripted() as engine:
        loop = asyncio.get_running_loop()
        before = loop.time()
        with pytest.raises(EngineLost, match=r"no answer in 0\.3 s"):
            await ask(engine, "!hang", HANG_S)
        assert HANG_S <= loop.time() - before < PATIENCE_S


async def test_an_engine_that_falls_while_idle_is_replaced() -> None:
    async with scripted() as engine:
        os.kill(engine.pid, signal.SIGKILL)
        while engine.statistics()["engine_starts"] < 2:  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0)
        assert await ask(engine, "good") == GOOD


async def test_callers_take_turns() -> None:
    async with scripted(delay_s=0.01) as engine:
        texts = ["good", "bad", "good", "bad"]
        answers = await asyncio.gather(*(ask(engine, text) for text in texts))
        assert answers == [GOOD, BAD, GOOD, BAD]


async def test_the_reply_to_a_cancelled_run_is_passed_over() -> None:
    async with scripted(delay_s=0.05) as engine:
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await ask(engine, "bad")
        assert await ask(engine, "good") == GOOD


async def begun(engine: EngineProcess, text: str) -> asyncio.Task[Rung | None]:
    """A run whose question has been written."""

    async def asked() -> Rung | None:
        (answer,) = await engine.run(Rung.VERIFIED, [Judge(text=text)], PATIENCE_S)
        assert isinstance(answer, Scored)
        return answer.rung

    task = asyncio.create_task(asked())
    await asyncio.sleep(0)
    return task


FOR_EVER = "!wait 1000000"


async def test_a_run_is_broken_off_where_the_engine_can_and_its_card_says_so() -> None:
    async with scripted(patient=True) as engine:
        assert engine.card.interruptible
        run = await begun(engine, FOR_EVER)
        engine.hurry()
        assert await run is Rung.DRAFT


async def test_a_hurry_is_for_the_run_under_way_and_harms_no_other() -> None:
    async with scripted(patient=True) as engine:
        engine.hurry()
        for _ in range(3):
            run = await begun(engine, "!wait 20")
            assert await run is None, "nobody hurried this one"
            engine.hurry()
        first, second = await begun(engine, FOR_EVER), await begun(engine, "!wait 20")
        engine.forget("somebody")
        engine.hurry()
        assert await first is Rung.DRAFT
        assert await second is None


async def test_an_engine_that_cannot_be_broken_off_takes_no_notice() -> None:
    async with scripted(delay_s=0.02) as engine:
        assert not engine.card.interruptible
        run = await begun(engine, "good")
        engine.hurry()
        assert await run is None
        assert await ask(engine, "bad") == BAD


async def test_the_parent_goes_on_while_the_engine_works() -> None:
    async with scripted(delay_s=0.2) as engine:
        run = asyncio.create_task(ask(engine, "good"))
        turns = 0
        while not run.done():
            await asyncio.sleep(0)
            turns += 1
        assert await run == GOOD
    assert turns > 100


async def test_an_unknown_engine_is_missed_by_name() -> None:
    with pytest.raises(EngineMissing, match="no captions engine 'siri'; there is: conformer"):
        EngineProcess("siri", "captions")


async def test_no_translation_engine_is_there_yet() -> None:
    with pytest.raises(
        EngineMissing, match="no translation engine 'opus'; there is: ctc, ctranslate, seq2seq"
    ):
        EngineProcess("opus", "translation")


async def test_a_library_that_is_not_installed_is_named() -> None:
    with pytest.raises(EngineMissing, match="pip install 'no_such_library'"):
        async with EngineProcess("no_such_library:make", "captions"):
            pass


async def test_an_engine_of_another_task_is_refused() -> None:
    with pytest.raises(EngineError, match="does moderation, expected captions"):
        async with EngineProcess(SCRIPTED, "captions", {"task": "moderation"}):
            pass


@pytest.mark.parametrize("fault", ["!bug", "!exit", "!segfault", "!error"])
async def test_an_engine_that_cannot_be_made_says_so(fault: str) -> None:
    with pytest.raises(EngineError):
        async with scripted(start_fault=fault):
            pass


async def test_an_engine_that_hangs_at_its_start_is_given_up() -> None:
    engine = EngineProcess(
        SCRIPTED,
        "moderation",
        {"task": "moderation", "start_fault": "!hang"},
        limits=ProcessLimits(start_s=HANG_S),
    )
    with pytest.raises(EngineLost, match="was not up"):
        async with engine:
            pass
    assert is_gone(engine.pid)


async def test_an_error_of_the_body_comes_out_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        async with scripted():
            raise ZeroDivisionError


async def test_a_batch_over_the_limit_is_refused_and_the_engine_lives() -> None:
    async with scripted() as engine:
        huge = [Judge(text="x" * 16_000_000)] * 5
        with pytest.raises(EngineError, match="expected at most"):
            await engine.run(Rung.DRAFT, huge, PATIENCE_S)
        assert await ask(engine, "good") == GOOD


PARENT = f"""
import asyncio
from workers.engines.process import EngineProcess

async def main():
    async with EngineProcess({SCRIPTED!r}, "moderation", {{"task": "moderation"}}) as engine:
        print(engine.pid, flush=True)
        await asyncio.Event().wait()

try:
    asyncio.run(main())
except KeyboardInterrupt:
    pass
"""


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGINT])
def test_the_child_goes_with_its_parent_and_in_silence(blow: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        os.killpg(parent.pid, blow)
        assert is_gone(child)
        _, noise = parent.communicate(timeout=PATIENCE_S)
    assert noise == ""
