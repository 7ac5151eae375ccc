"""One engine under bursty load, simulated: arrivals, and what became of each job."""

from __future__ import annotations

import heapq
import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Protocol

from stream.core.messages import Rung
from workers.core.schedule import Decision, Expire, Job, Run, Wait

MAX_BATCH = 32

LENGTH = 100
BUDGET_S = 0.1
LOADS = (0.5, 0.8, 1.0, 1.3)
LATE_LIMIT = 0.01


@dataclass(frozen=True, slots=True)
class Engine:
    """Takes `fixed_s + each_s * batch`, times the rung's factor, times noise; sometimes more."""

    fixed_s: float
    each_s: float
    verified_factor: float = 3.0
    noise: float = 0.08
    tail_share: float = 0.005
    tail_factor: float = 2.0

    def mean_s(self, rung: Rung, batch: int, again: bool = False) -> float:
        """`again`: of texts that have an answer already."""
        factor = self.verified_factor if rung is Rung.VERIFIED else 1.0
        return (self.fixed_s + self.each_s * batch) * factor

    def high_s(self, rung: Rung, batch: int) -> float:
        """The 95th percentile, tail left out."""
        return self.mean_s(rung, batch) * math.exp(1.645 * self.noise)

    def draw_s(self, rung: Rung, batch: int, chance: Random, again: bool = False) -> float:
        took_s = self.mean_s(rung, batch, again) * math.exp(chance.gauss(0.0, self.noise))
        return took_s * (self.tail_factor if chance.random() < self.tail_share else 1.0)

    def capacity(self) -> float:
        """Drafts a second in full batches."""
        return MAX_BATCH / self.mean_s(Rung.DRAFT, MAX_BATCH)


ENGINES = {
    # the line through 3.7 ms for one stream and 20 ms for eight: int8 on one core, measured
    "core": Engine(fixed_s=0.00137, each_s=0.00233),
    # an accelerator that is nearly as fast for many as for one: assumed
    "accelerator": Engine(fixed_s=0.010, each_s=0.0005),
}


@dataclass(frozen=True, slots=True)
class Load:
    """How jobs come: `rate` a second on average, three times that in bursts, in clumps."""

    rate: float
    channels: int = 20
    talkative: float = 0.0
    burst_factor: float = 3.0
    burst_s: float = 0.1
    calm_s: float = 0.4
    clump: float = 3.0
    rungs: tuple[Rung, ...] = (Rung.DRAFT,)

    def arrivals(self, seconds: float, chance: Random) -> Iterator[tuple[float, Job]]:
        """Moments and jobs; with `talkative`, channel `0` sends that share of them."""
        share = self.burst_s / (self.burst_s + self.calm_s)
        calm_factor = (1 - share * self.burst_factor) / (1 - share)
        numbers, now, burst, until = count(), 0.0, False, 0.0
        while now < seconds:
            factor = self.burst_factor if burst else calm_factor
            gap = chance.expovariate(self.rate * factor / self.clump)
            if now + gap > until:
                now, burst = until, not burst
                until = now + chance.expovariate(1 / (self.burst_s if burst else self.calm_s))
                continue
            now += gap
            for _ in range(geometric(self.clump, chance)):
                yield now, self.job(next(numbers), now, chance)

    def job(self, number: int, now: float, chance: Random) -> Job:
        loud = chance.random() < self.talkative
        channel = 0 if loud else chance.randrange(1, self.channels)
        return Job(str(number), str(channel), now + BUDGET_S, LENGTH, self.rungs)


def geometric(mean: float, chance: Random) -> int:
    return 1 + int(math.log(1 - chance.random()) / math.log(1 - 1 / mean)) if mean > 1 else 1


class Policy(Protocol):
    """What the simulation asks of a scheduler; `Schedule` is one."""

    def add(self, job: Job, now: float) -> Job | None: ...
    def decide(self, now: float) -> Decision: ...
    def expired(self, now: float) -> Expire | None: ...
    def next_due(self) -> float | None: ...
    def observe(self, run: Run, took_s: float, now: float) -> None: ...


@dataclass(frozen=True, slots=True, eq=False)
class Ended:
    """A run that ends."""

    run: Run
    began: float
    took_s: float


@dataclass(slots=True)
class Tally:
    """What became of the jobs."""

    jobs: int = 0
    on_time: int = 0
    late: int = 0
    expired: int = 0
    verified: int = 0
    quiet_jobs: int = 0
    quiet_on_time: int = 0
    batches: list[int] = field(default_factory=list)

    def ask(self, job: Job) -> None:
        self.jobs += 1
        self.quiet_jobs += job.channel != "0"

    def answer(self, run: Run, now: float) -> None:
        self.batches.append(len(run.jobs))
        for job in run.jobs:
            met = now <= job.deadline
            self.on_time += met
            self.late += not met
            self.verified += met and run.rung is Rung.VERIFIED
            self.quiet_on_time += met and job.channel != "0"

    def expire(self, jobs: Sequence[Job]) -> None:
        self.expired += len(jobs)

    def shares(self) -> dict[str, float]:
        assert self.on_time + self.late + self.expired == self.jobs, "a job has no answer"
        return {
            "goodput": self.on_time / self.jobs,
            "late": self.late / self.jobs,
            "verified": self.verified / self.jobs,
            "quiet": self.quiet_on_time / max(self.quiet_jobs, 1),
            "batch": statistics.fmean(self.batches),
        }


class Simulation:
    """Plays a load against a policy, which is asked again whenever the one engine is free."""

    def __init__(
        self,
        policy: Policy,
        engine: Engine,
        load: Load,
        seconds: float,
        seed: int,
        tally: Tally | None = None,
    ) -> None:
        self.policy = policy
        self.engine = engine
        self.tally = tally or Tally()
        self._chance = Random(seed + 1)
        self._arrivals = load.arrivals(seconds, Random(seed))
        self._events: list[tuple[float, int, Job | Ended | None]] = []
        self._order = count()
        self.under_way: Ended | None = None
        self._armed: float | None = None

    def play(self) -> Tally:
        self._next_arrival()
        while self._events:
            now, _, what = heapq.heappop(self._events)
            if isinstance(what, Job):
                self.came(what, now)
                self._next_arrival()
            elif what is not None and what is self.under_way:
                self.under_way = None
                self.ended(what, now)
            if (gone := self.policy.expired(now)) is not None:
                self.tally.expire(gone.jobs)
            self._start(now)
            self._arm()
        return self.tally

    def came(self, job: Job, now: float) -> None:
        self.tally.ask(job)
        self.policy.add(job, now)

    def ended(self, what: Ended, now: float) -> None:
        self.policy.observe(what.run, what.took_s, now)
        self.answered(what.run, now)

    def answered(self, run: Run, now: float) -> None:
        self.tally.answer(run, now)

    def begin(self, run: Run, began: float, took_s: float) -> None:
        """It ends then, whatever was thought of its end before."""
        self.under_way = Ended(run, began, took_s)
        self._push(began + took_s, self.under_way)

    def _start(self, now: float) -> None:
        while self.under_way is None:
            decision = self.policy.decide(now)
            if isinstance(decision, Wait):
                if decision.until is not None:
                    self._push(decision.until, None)
                return
            if isinstance(decision, Expire):
                self.tally.expire(decision.jobs)
                continue
            again = decision.improves
            took_s = self.engine.draw_s(decision.rung, len(decision.jobs), self._chance, again)
            self.begin(decision, now, took_s)

    def _arm(self) -> None:
        due = self.policy.next_due()
        if due is not None and due != self._armed:
            self._push(due, None)
            self._armed = due

    def _next_arrival(self) -> None:
        if (arrival := next(self._arrivals, None)) is not None:
            self._push(*arrival)

    def _push(self, moment: float, what: Job | Ended | None) -> None:
        heapq.heappush(self._events, (moment, next(self._order), what))
