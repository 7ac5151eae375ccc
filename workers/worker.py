"""The loop of every task: read, schedule, run, publish, commit."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import structlog

from stream.core import wire
from stream.core.errors import BusError, EngineError
from stream.core.records import Log, Position, Record, Topic
from stream.following import EVERYTHING_S, Follower
from stream.ports import Bus, Clock, Reader
from workers.core.jobs import Expire, Job, Run
from workers.core.schedule import Schedule
from workers.output import Output
from workers.ports import Answer, RunsEngine
from workers.role import Outcome, Publication, Role, Timing
from workers.takeover import Takeover
from workers.underway import Going, UnderWay

READ_ATTEMPTS = 2

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLimits:
    """`queue`: jobs above which reading stops; `read`: records a read; `hang_s`: least time before
    an engine counts as hung; `handover_s`: for what is under way when a log is taken away;
    `settings_s`: to learn the channels' settings before the first record is read.
    """

    queue: int = 5_000
    read: int = 500
    read_wait_s: float = 0.25
    hang_s: float = 2.0
    handover_s: float = 1.5
    settings_s: float = 10.0


class Worker:
    """One role, one engine, one schedule; any number of workers share a task as one group.

    `member` is the same after a restart, so that a short one moves nothing.

    Input is committed only when its results are acknowledged and, for audio, only up to where a
    new owner can begin. `run` ends by cancellation, which leaves uncommitted input to the next
    owner, or with the BusError that the bus gave.
    """

    def __init__(
        self,
        bus: Bus,
        role: Role,
        engine: RunsEngine,
        schedule: Schedule,
        *,
        clock: Clock,
        member: str,
        limits: WorkerLimits | None = None,
    ) -> None:
        self._bus = bus
        self._role = role
        self._engine = engine
        self._schedule = schedule
        self._clock = clock
        self._member = member
        self._limits = limits or WorkerLimits()
        self._output = Output(bus)
        logs = [Log(Topic.POLICIES, partition) for partition in range(bus.partitions)]
        self._settings = Follower(bus, logs, EVERYTHING_S, self._learn_settings)
        self._takeover = Takeover(bus=bus, role=role, clock=clock)
        self._reader: Reader | None = None
        self._under_way = UnderWay()
        self._suspects: set[str] = set()
        self._wake = asyncio.Event()
        self._due = asyncio.Event()
        self._room = asyncio.Event()
        self._ready = asyncio.Event()
        self._counts: Counter[str] = Counter()

    async def run(self) -> None:
        group = f"ontime.{self._role.name}"
        self._reader = await self._bus.join(group, self._member, self._role.inputs, self)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._settings.run())
                tasks.create_task(self._read(self._reader))
                tasks.create_task(self._dispatch())
                tasks.create_task(self._watch_deadlines())
                tasks.create_task(self._output.run(self._reader))
        finally:
            await self._reader.close()

    async def wait_ready(self) -> None:
        """Until this worker has read for the first time."""
        await self._ready.wait()

    def statistics(self) -> dict[str, float]:
        """Queues and counts, by name."""
        return {
            **self._schedule.statistics(),
            **self._output.statistics(),
            **self._engine.statistics(),
            **self._role.statistics(),
            **self._counts,
        }

    async def assigned(self, logs: frozenset[Log]) -> None:
        for log in sorted(logs):
            await self._takeover.take(log)

    async def revoked(self, logs: frozenset[Log]) -> None:
        """Commit what is done; what is under way is replayed by the next owner."""
        for stream in self._role.drop(logs).forget:
            self._forget(stream)
        await self._output.hand_over(logs, self._reader, self._limits.handover_s)

    async def _read(self, reader: Reader) -> None:
        await self._settings.catch_up(self._limits.settings_s)
        while True:
            while len(self._schedule) >= self._limits.queue:
                self._room.clear()
                await self._room.wait()
            batch = await reader.read(self._limits.read, self._limits.read_wait_s)
            self._ready.set()
            self._counts["truncated"] += sum(gap.end - gap.start for gap in batch.truncated)
            for record in batch.records:
                if record.log in reader.assignment():
                    await self._take_in(record)

    async def _take_in(self, record: Record) -> None:
        self._counts["records"] += 1
        self._output.ledger.open(Position(record.log, record.offset))
        await self._apply(self._receive(record))

    def _receive(self, record: Record) -> Outcome:
        """What the role makes of a record; a poison one must not stop its partition."""
        try:
            return self._role.receive(record, self._clock.now())
        except Exception:
            try:
                return self._role.receive(record, self._clock.now())
            except Exception as error:
                return self._bury(record, error)

    def _learn_settings(self, record: Record) -> None:
        self._role.catalogue.put(wire.decode_settings(record))

    def _bury(self, record: Record, error: Exception) -> Outcome:
        self._counts["dead_letters"] += 1
        kind = type(error).__name__
        logger.warning("dead letter", log=record.log, offset=record.offset, error=kind)
        letter = Publication(
            Topic.DEAD_LETTERS, record.key, wire.dead_letter(record, error, READ_ATTEMPTS)
        )
        return Outcome(publications=(letter,), closed=(Position(record.log, record.offset),))

    async def _dispatch(self) -> None:
        while True:
            self._wake.clear()
            decision = self._schedule.decide(self._clock.now())
            self._room.set()
            if isinstance(decision, Run):
                await self._run(decision)
            elif isinstance(decision, Expire):
                await self._expire(decision.jobs)
            else:
                await self._wait_until(decision.until, self._wake)

    async def _watch_deadlines(self) -> None:
        """Answer what is due although the engine is busy, also what is in its hands."""
        while True:
            self._due.clear()
            now = self._clock.now()
            expired = self._schedule.expired(now)
            jobs = list(expired.jobs) if expired else []
            jobs += self._under_way.pop_due(now)
            await self._expire(jobs)
            due = (self._schedule.next_due(), self._under_way.next_due())
            await self._wait_until(min((at for at in due if at), default=None), self._due)

    async def _wait_until(self, until: float | None, event: asyncio.Event) -> None:
        delay = None if until is None else max(0.001, until - self._clock.now())
        try:
            async with asyncio.timeout(delay):
                await event.wait()
        except TimeoutError:
            return

    async def _expire(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            self._counts["expired_jobs"] += 1
            await self._apply(self._role.expire(job, self._clock.now()))

    async def _run(self, run: Run) -> None:
        """Jobs on which the engine failed before run alone, so that they harm nobody else."""
        alone = [job for job in run.jobs if _key(job) in self._suspects]
        together = [job for job in run.jobs if _key(job) not in self._suspects]
        for jobs in (together, *([job] for job in alone)):
            if jobs:
                await self._run_batch(jobs, run)

    async def _run_batch(self, jobs: list[Job], run: Run) -> None:
        now = self._clock.now()
        asked = {job.id: (job, q) for job in jobs if (q := self._role.ask(job, now))}
        if not asked:
            return
        jobs = [job for job, _ in asked.values()]
        self._under_way.enter(jobs)
        self._due.set()
        try:
            await self._engine.wait_up()
            going = self._under_way.begin(replace(run, jobs=tuple(jobs)), self._clock.now())
            timeout_s = max(self._limits.hang_s, 10 * run.predicted_s)
            questions = [question for _, question in asked.values()]
            answers = await self._engine.run(run.rung, questions, timeout_s)
        except EngineError as error:
            self._under_way.leave()
            await self._fail(jobs, error)
        else:
            self._under_way.leave()
            await self._finish(going, answers)

    async def _finish(self, ended: Going, answers: Sequence[Answer]) -> None:
        now, run = self._clock.now(), ended.run
        took_s = now - ended.began
        if ended.asked_s is None:
            self._schedule.observe(run, took_s, now)
        else:
            self._schedule.broke(run, ended.asked_s, took_s, now)
        self._suspects.difference_update(_key(job) for job in run.jobs)
        timing = Timing(ended.began, took_s, ended.broken_off)
        for job, answer in zip(run.jobs, answers, strict=True):
            await self._apply(self._role.answer(job, answer, run.rung, timing))

    def _make_way(self) -> None:
        """Have what is under way broken off where those who wait are better served so."""
        going = self._under_way.going
        if going and not going.broken_off and self._schedule.breaks(going.run):
            going.asked_s = self._clock.now() - going.began
            self._engine.hurry()

    async def _fail(self, jobs: list[Job], error: EngineError) -> None:
        """All states are gone: each job is tried once more, alone, and then given up."""
        self._counts["engine_failures"] += 1
        logger.warning("engine failed", error=type(error).__name__, jobs=len(jobs))
        now = self._clock.now()
        for job in jobs:
            if _key(job) in self._suspects:
                self._suspects.discard(_key(job))
                self._counts["abandoned"] += 1
                await self._apply(self._role.abandon(job, error, now))
            else:
                self._suspects.add(_key(job))
                await self._apply(self._role.retry(job, now))
        await self._apply(self._role.lost(now))

    async def _apply(self, outcome: Outcome) -> None:
        await self._output.put(outcome)
        for job in outcome.jobs:
            self._schedule.remove(job.id)  # a record that is read again asks again
            self._schedule.add(job, self._clock.now())
        for stream in outcome.forget:
            self._forget(stream)
        if outcome.jobs:
            self._make_way()
            self._wake.set()
            self._due.set()

    def _forget(self, stream: str) -> None:
        self._engine.forget(stream)


async def keep_running(make_worker: Callable[[], Worker], *, backoff_s: float = 0.5) -> None:
    """Run a worker for ever: when the bus fails, a new one begins where the group stands."""
    while True:
        try:
            await make_worker().run()
        except* BusError as errors:
            logger.warning("worker begins again", error=type(errors.exceptions[0]).__name__)
        await asyncio.sleep(backoff_s)


def _key(job: Job) -> str:
    """By which a job is known again after a retry: its stream, or itself."""
    return job.supersedes or job.id
