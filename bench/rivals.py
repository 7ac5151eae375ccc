"""Schedulers that the simulation compares: ours, and what others do."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from random import Random

from bench.simulation import BUDGET_S, LENGTH, MAX_BATCH, Engine, Policy
from stream.core.messages import Rung
from workers.core.profile import LatencyProfile
from workers.core.schedule import Decision, Expire, Job, Limits, Run, Schedule, Wait

INFORMED = "time-out, early"
"""The rival that drops what would not be met in a full batch, so it has to know the engine."""


class Rival:
    """First in, first out, in the largest batches; drops what waited over `timeout_s`."""

    def __init__(self, engine: Engine, timeout_s: float = math.inf) -> None:
        self.engine = engine
        self.timeout_s = timeout_s
        self.queue: deque[tuple[float, Job]] = deque()

    def add(self, job: Job, now: float) -> Job | None:
        self.queue.append((now, job))
        return None

    def decide(self, now: float) -> Decision:
        dropped = []
        while self.queue and now - self.queue[0][0] > self.timeout_s:
            dropped.append(self.queue.popleft()[1])
        if dropped:
            return Expire(tuple(dropped))
        size = self.size(now)
        if not size:
            return Wait()
        jobs = tuple(self.queue.popleft()[1] for _ in range(size))
        return Run(jobs, jobs[0].rungs[0], self.engine.high_s(jobs[0].rungs[0], size))

    def size(self, now: float) -> int:
        return min(len(self.queue), MAX_BATCH)

    def expired(self, now: float) -> Expire | None:
        return None

    def next_due(self) -> float | None:
        return None

    def observe(self, run: Run, took_s: float, now: float) -> None:
        return None


class PlainEdf(Rival):
    """Earliest deadline first in the largest batch that the first job allows.

    Budgets are equal here, so the order of arrival is the order of deadlines.
    """

    def size(self, now: float) -> int:
        if not self.queue:
            return 0
        slack_s = self.queue[0][1].deadline - now
        most = min(len(self.queue), MAX_BATCH)
        fits = (n for n in range(most, 1, -1) if self.engine.high_s(Rung.DRAFT, n) <= slack_s)
        return next(fits, 1)


def ours(engine: Engine) -> Policy:
    """Learns from a few runs of each size, as a worker does when it starts, and goes on learning.

    Without a guard, for here nothing follows the engine.
    """
    profile, chance = LatencyProfile(), Random(1)
    for rung in (Rung.DRAFT, Rung.VERIFIED):
        for batch in (1, 2, 4, 8, 16, 32) * 4:
            profile.observe(rung, LENGTH, batch, engine.draw_s(rung, batch, chance), now=0.0)
    return Schedule(profile, Limits(max_batch=MAX_BATCH, guard_s=0.0))


POLICIES: dict[str, Callable[[Engine], Policy]] = {
    "fifo": Rival,
    "time-out": lambda engine: Rival(engine, BUDGET_S),
    INFORMED: lambda engine: Rival(engine, BUDGET_S - engine.high_s(Rung.DRAFT, MAX_BATCH)),
    "edf": lambda engine: PlainEdf(engine, BUDGET_S),
    "ours": ours,
}
