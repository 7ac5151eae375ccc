"""What runs next: earliest deadline first, in the batch that completes most jobs on time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import partial
from itertools import islice, takewhile

from stream.core.deadlines import DeadlineHeap
from stream.core.messages import Rung
from workers.core.fair import Entry
from workers.core.jobs import Decision, Expire, Job, Run, Wait
from workers.core.limits import Limits
from workers.core.line import Line
from workers.core.pauses import Pauses
from workers.core.profile import LatencyProfile
from workers.core.rate import Rate
from workers.core.risk import Risk

KEPT_S = 0.25
"""For so long what could be made better, but does not pay, waits for a better moment."""

__all__ = ["Decision", "Expire", "Job", "Limits", "Run", "Schedule", "Wait"]


class Schedule:
    """Jobs that wait for an engine. Each leaves exactly once: in a Run, in an Expire, replaced by a
    newer one (returned by `add`) or by `remove`.

    `decide` is asked whenever an engine is free; several runs may be under way. Its cost does not
    grow with the queue beyond a logarithm: it looks at the first `4 * max_batch` jobs.
    """

    def __init__(self, profile: LatencyProfile, limits: Limits | None = None) -> None:
        self.profile = profile
        self.limits = limits or Limits()
        self._first = Line(profile, self.limits)
        self._better = Line(LatencyProfile(like=profile), self.limits)
        self._deadlines: DeadlineHeap[str] = DeadlineHeap()
        self._partials: dict[str, str] = {}
        self._doomed: set[str] = set()
        self._kept: dict[str, tuple[float, Job]] = {}
        self._shed: list[Job] = []
        self._front = 0
        self._ran: float | None = None
        self._counts: Counter[str] = Counter()
        self._rate = Rate()
        self._risk = Risk()
        self._pauses = Pauses()

    def __len__(self) -> int:
        return len(self._first) + len(self._better) + len(self._shed)

    def add(self, job: Job, now: float) -> Job | None:
        """Queue a job; returns the one it replaces, whose input the caller merges into this one.

        Raises ValueError where the id waits already or no rung is offered.
        """
        if job.id in self._first or job.id in self._better:
            raise ValueError(f"job {job.id!r} waits already, expected a new id")
        if not job.rungs:
            raise ValueError(f"job {job.id!r} offers no rung, expected one at least")
        replaced = self._replaced_by(job)
        if replaced is None and len(self._deadlines) >= self.limits.capacity:
            self._shed_one()
        self._line_of(job).add(job)
        self._deadlines.push(job.id, job.deadline)
        if job.supersedes is not None and not job.final:
            self._partials[job.supersedes] = job.id
        if self.limits.worth and not self._possible(job, now):
            self._doomed.add(job.id)
        self._counts["added"] += 1
        if job.done is None:
            self._pauses.end(now)
            if replaced is None:
                self._rate.count(now)
        else:
            self._kept[job.id] = now + KEPT_S, job
        return replaced

    def remove(self, job_id: str) -> Job | None:
        """Take a job out; None where it does not wait."""
        job = self._take_out(job_id)
        self._counts["removed"] += job is not None
        return job

    def decide(self, now: float) -> Decision:
        """What a free engine should do now."""
        if (expired := self.expired(now)) is not None:
            return expired
        if not len(self._first):
            self._risk.empty(now)
            self._pauses.begin(now)
        for line in (self._first, self._better):
            candidates = line.candidates(now)
            hopeless = [entry.job for entry in candidates if not self._possible(entry.job, now)]
            if hopeless:
                return (
                    self._attempt(hopeless, now)
                    or self._probe(hopeless, now)
                    or self._expire(hopeless)
                )
            if candidates and (run := self._run(line, candidates, now)):
                return run
        if given_up := self._given_up(now):
            return self._expire(given_up)
        return Wait(next((until for until, _ in self._kept.values()), None))

    def expired(self, now: float) -> Expire | None:
        """What must be answered now, whether or not an engine is free: pushed out, or its time up.

        Due whenever an `add` finds the queue full, and at `next_due`.
        """
        jobs, self._shed = self._shed, []
        room = max(self.limits.sweep - len(jobs), 0)
        for job_id in self._deadlines.pop_due(now + self.limits.guard_s, limit=room):
            job = self._take_out(job_id, lost=True)
            assert job is not None
            jobs.append(job)
        self._counts["expired"] += len(jobs)
        return Expire(tuple(jobs)) if jobs else None

    def next_due(self) -> float | None:
        """When `expired` has something to say at the latest; None when nothing waits."""
        due = self._deadlines.next_due()
        return None if due is None else due - self.limits.guard_s

    def observe(self, run: Run, took_s: float, now: float) -> None:
        """A run has come to its end."""
        self._line_of(run.jobs[0]).observe(run.rung, run.jobs, took_s, now)

    def breaks(self, run: Run) -> bool:
        """Whether this run, which is under way, should end now for those who have come."""
        return run.yields and len(self._first) > 0

    def broke(self, run: Run, asked_s: float, took_s: float, now: float) -> None:
        """A run has ended that was asked to break off when it was `asked_s` old.

        How long it would have taken is not known; where it was longer than it mostly is, that
        much at least, or a rung that never comes to its end would look cheap for ever.
        """
        self._counts["broken_off"] += 1
        line = self._line_of(run.jobs[0])
        line.yielding.learn(run.predicted_s - asked_s, took_s - asked_s)
        if asked_s > line.expected_s(run.rung, run.jobs):
            line.observe(run.rung, run.jobs, took_s, now)

    def statistics(self) -> dict[str, float]:
        """Jobs and channels that wait, and how many jobs have gone each way."""
        ways = ["added", "run", "expired", "superseded", "shed", "removed"]
        ways += ["batches", "attempts", "probes", "broken_off"]
        return {
            "waiting": len(self),
            "channels": self._first.queue.channels + self._better.queue.channels,
            **{way: self._counts[way] for way in ways},
        }

    def _given_up(self, now: float) -> list[Job]:
        """What did not pay for long enough; the oldest are first."""
        over = takewhile(lambda each: each[0] <= now, self._kept.values())
        return [job for _, job in islice(over, self.limits.sweep)]

    def _run(self, line: Line, candidates: list[Entry], now: float) -> Run | None:
        """None where improvements would cost more than they add."""
        rate = self._rate.per_second(now)
        risk = self._risk_of(line, candidates, now, rate) if self.limits.worth else 0.0
        batch = line.choose(candidates, now, rate, risk)
        worth, lasts = line.batcher.worth, partial(self._pauses.outlast, now=now)
        if not worth.pays(batch.rung, batch.entries, lasts, risk, line.yielding.cost):
            return None
        for entry in batch.entries:
            line.queue.serve(entry)
        jobs = tuple(entry.job for entry in batch.entries)
        yields = self._yields(jobs, batch.rung, worth.gives_way(batch.rung, batch.entries, risk))
        return self._start(Run(jobs, batch.rung, batch.predicted_s, yields), now)

    def _yields(self, jobs: tuple[Job, ...], rung: Rung, pays: bool = True) -> bool:
        """A better rung that was begun while nobody else waited: an improvement, or first answers
        where that `pays`.
        """
        if len(self._first) or not self.limits.interruptible:
            return False
        return jobs[0].done is not None or (pays and rung is not jobs[0].rungs[0])

    def _risk_of(self, line: Line, candidates: list[Entry], now: float, rate: float) -> float:
        """That a run of these takes somebody's answer away, if it is of the next better rung."""
        load = rate * line.batcher.worth.least_s(candidates[0]) / self.limits.engines
        until = now + line.next_better_s(candidates)
        return self._risk.ask(load, len(self._first), until)

    def _attempt(self, hopeless: list[Job], now: float) -> Run | None:
        """A job that nothing else waits behind runs also where it is met by the median only.

        Whoever asked gets the engine's answer or, when time is up, what he would get now.
        """
        job = hopeless[0]
        if len(self._first) + len(self._better) > 1:
            return None
        typical_s = self._line_of(job).typical_s(job)
        if now + self.limits.guard_s + typical_s > job.deadline:
            return None
        self._counts["attempts"] += 1
        return self._alone(job, now)

    def _probe(self, hopeless: list[Job], now: float) -> Run | None:
        """Where nothing fits and nothing ran for long, the job with most slack runs."""
        ran = self._ran if self._ran is not None else now - self.limits.probe_s
        waiting = len(self._first) + len(self._better)
        if len(hopeless) < waiting or now - ran < self.limits.probe_s:
            return None
        self._counts["probes"] += 1
        return self._alone(max(hopeless, key=lambda job: job.deadline), now)

    def _alone(self, job: Job, now: float) -> Run:
        line = self._line_of(job)
        line.queue.remove(job.id)
        yields = self._yields((job,), job.rungs[0])
        return self._start(Run((job,), job.rungs[0], line.cost_s(job), yields), now)

    def _start(self, run: Run, now: float) -> Run:
        for job in run.jobs:
            self._drop_keys(job)
        self._ran = now
        self._counts["run"] += len(run.jobs)
        self._counts["batches"] += 1
        return run

    def _expire(self, jobs: Iterable[Job]) -> Expire:
        expired = tuple(jobs)
        for job in expired:
            self._take_out(job.id, lost=True)
        self._counts["expired"] += len(expired)
        return Expire(expired)

    def _shed_one(self) -> None:
        """Full: the channel with most jobs gives up its earliest (longest queue drop, drop front).

        The earliest is the one most likely to be late. Improvements go before first answers.
        """
        job = self._better.queue.deepest() or self._first.queue.deepest()
        assert job is not None
        self._take_out(job.id, lost=True)
        self._shed.append(job)
        self._counts["shed"] += 1

    def _replaced_by(self, job: Job) -> Job | None:
        if job.supersedes is None or job.supersedes not in self._partials:
            return None
        self._counts["superseded"] += 1
        return self._take_out(self._partials[job.supersedes])

    def _take_out(self, job_id: str, lost: bool = False) -> Job | None:
        job = self._first.queue.remove(job_id) or self._better.queue.remove(job_id)
        if job is not None:
            if lost and job.done is None and job.id not in self._doomed:
                self._risk.lost()
            self._drop_keys(job)
        return job

    def _drop_keys(self, job: Job) -> None:
        self._deadlines.remove(job.id)
        self._doomed.discard(job.id)
        self._kept.pop(job.id, None)
        if job.supersedes is not None and self._partials.get(job.supersedes) == job.id:
            del self._partials[job.supersedes]

    def _possible(self, job: Job, now: float) -> bool:
        return now + self.limits.guard_s + self._line_of(job).cost_s(job) <= job.deadline

    def _line_of(self, job: Job) -> Line:
        return self._first if job.done is None else self._better
