"""The loop of every task on the in-process bus: one answer each, whatever the engine does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

from stream.adapters.clock import AnchoredClock
from stream.adapters.memory import MemoryBus
from stream.core import wire
from stream.core.errors import EngineError, EngineLost
from stream.core.messages import Action, Rung, Verdict
from stream.core.policies import PolicyChange
from stream.core.records import Log, PostJob, Record, Settings, Topic
from stream.ports import Bus, Reader
from workers.core.profile import LatencyProfile
from workers.core.schedule import Schedule
from workers.moderation import Moderation
from workers.ports import Answer, Card, Judge, Question, Scored
from workers.role import Role
from workers.worker import Worker, WorkerLimits

CARD = Card(name="test", task="moderation", rungs=(Rung.DRAFT,))
CLOCK = AnchoredClock()
Behaviour = Callable[[Sequence[Question]], Sequence[Answer]]


def score(questions: Sequence[Question]) -> Sequence[Answer]:
    asked = [question for question in questions if isinstance(question, Judge)]
    return [Scored(labels={"offensive": float("bad" in question.text)}) for question in asked]


class Engine:
    """An engine in this process, whose behaviour a test chooses."""

    def __init__(self, behaviour: Behaviour = score) -> None:
        self.behaviour = behaviour
        self.asked = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def wait_up(self) -> None:
        return None

    async def run(
        self, rung: Rung, questions: Sequence[Question], timeout_s: float
    ) -> Sequence[Answer]:
        self.asked.set()
        await self.gate.wait()
        return self.behaviour(questions)

    def forget(self, stream: str) -> None:
        return None

    def hurry(self) -> None:
        return None

    def statistics(self) -> Mapping[str, float]:
        return {}


@asynccontextmanager
async def working(
    bus: Bus, role: Role, engine: Engine, member: str = "w1"
) -> AsyncIterator[Worker]:
    worker = Worker(
        bus,
        role,
        engine,
        Schedule(LatencyProfile()),
        clock=CLOCK,
        member=member,
        limits=WorkerLimits(read_wait_s=0.05),
    )
    task = asyncio.create_task(worker.run())
    ready = asyncio.create_task(worker.wait_ready())
    await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
    try:
        yield worker
    finally:
        task.cancel()
        ready.cancel()
        with suppress(asyncio.CancelledError):
            await task


def memory() -> MemoryBus:
    return MemoryBus(CLOCK, "test")


async def post(bus: Bus, text: str, number: int = 0, budget_ms: int = 5_000) -> None:
    job = PostJob(
        id=str(number),
        channel="c",
        text=text,
        gateway="g",
        arrived=CLOCK.now(),
        budget_ms=budget_ms,
    )
    payload = wire.encode_job(job)
    await bus.publish(Topic.POSTS, "c", payload.value, payload.headers)


async def reading(bus: Bus, topic: Topic) -> Reader:
    return await bus.tail([Log(topic, p) for p in range(bus.partitions)], float("inf"))


async def collect(reader: Reader, count: int) -> list[Record]:
    found: list[Record] = []
    while len(found) < count:
        found += (await reader.read(count, 1.0)).records
    return found


async def verdicts(bus: Bus, count: int) -> list[Verdict]:
    records = await collect(await reading(bus, Topic.VERDICTS), count)
    results = [wire.decode_result(record)[0] for record in records]
    return [result for result in results if isinstance(result, Verdict)]


async def test_each_post_gets_its_verdict() -> None:
    bus = memory()
    async with working(bus, Moderation(CARD, "o"), Engine()):
        for number, text in enumerate(["good", "bad", "good"]):
            await post(bus, text, number)
        found = await verdicts(bus, 3)
    assert {verdict.id: verdict.action for verdict in found} == {
        "0": Action.ALLOW,
        "1": Action.BLOCK,
        "2": Action.ALLOW,
    }


async def test_a_channels_settings_reach_its_verdicts() -> None:
    bus = memory()
    policy = PolicyChange(review=0.5, block=1.0, late="allow")
    payload = wire.encode_settings(Settings(channel="c", policy=policy))
    await bus.publish(Topic.POLICIES, "c", payload.value, payload.headers)
    engine = Engine(lambda questions: [Scored(labels={"hate": 0.7}) for _ in questions])
    async with working(bus, Moderation(CARD, "o"), engine):
        await post(bus, "hm")
        (verdict,) = await verdicts(bus, 1)
    assert verdict.action == Action.REVIEW


async def test_a_post_is_answered_by_its_deadline_although_the_engine_hangs() -> None:
    bus, engine = memory(), Engine()
    engine.gate.clear()
    async with working(bus, Moderation(CARD, "o"), engine):
        await post(bus, "good", budget_ms=50)
        (verdict,) = await verdicts(bus, 1)
        assert (verdict.action, verdict.degraded, verdict.rung) == (
            Action.REVIEW,
            True,
            Rung.REPEAT,
        )
        engine.gate.set()
        await post(bus, "good", 1)
        assert [v.id for v in await verdicts(bus, 2)] == ["0", "1"]


async def test_an_engine_that_dies_once_is_asked_again() -> None:
    bus = memory()
    failures = [EngineLost("died")]

    def dies_once(questions: Sequence[Question]) -> Sequence[Answer]:
        if failures:
            raise failures.pop()
        return score(questions)

    async with working(bus, Moderation(CARD, "o"), Engine(dies_once)):
        await post(bus, "good")
        (verdict,) = await verdicts(bus, 1)
    assert (verdict.action, verdict.degraded) == (Action.ALLOW, False)


async def test_a_post_that_kills_the_engine_goes_to_dead_letters_and_harms_no_other() -> None:
    bus = memory()

    def poisoned(questions: Sequence[Question]) -> Sequence[Answer]:
        if any(isinstance(q, Judge) and q.text == "poison" for q in questions):
            raise EngineError("cannot")
        return score(questions)

    async with working(bus, Moderation(CARD, "o"), Engine(poisoned)):
        for number, text in enumerate(["good", "poison", "good"]):
            await post(bus, text, number)
        found = await verdicts(bus, 3)
        (letter,) = await collect(await reading(bus, Topic.DEAD_LETTERS), 1)
    assert {v.id: v.degraded for v in found} == {"0": False, "1": True, "2": False}
    assert letter.headers["attempts"] == b"2"


async def test_a_record_that_cannot_be_read_does_not_stop_its_partition() -> None:
    bus = memory()
    async with working(bus, Moderation(CARD, "o"), Engine()):
        await bus.publish(Topic.POSTS, "c", b"\xff not json", {})
        await post(bus, "good")
        assert len(await verdicts(bus, 1)) == 1
        (letter,) = await collect(await reading(bus, Topic.DEAD_LETTERS), 1)
    assert letter.value == b"\xff not json"


async def test_what_is_not_answered_is_read_again_by_the_next_worker() -> None:
    bus, stuck = memory(), Engine()
    stuck.gate.clear()
    async with working(bus, Moderation(CARD, "o1"), stuck):
        await post(bus, "good", budget_ms=60_000)
        await stuck.asked.wait()
    async with working(bus, Moderation(CARD, "o2"), Engine()):
        (verdict,) = await verdicts(bus, 1)
    assert verdict.action == Action.ALLOW
