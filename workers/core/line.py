"""One of a schedule's two lines: of those who wait for a first answer, or for a better one."""

from __future__ import annotations

from stream.core.messages import Rung
from workers.core.batch import Batch, Batcher
from workers.core.fair import Entry, FairQueue
from workers.core.jobs import Job
from workers.core.limits import Limits
from workers.core.profile import LatencyProfile
from workers.core.yielding import Yielding


class Line:
    """A queue, and what is known of the runs for it: how long they take, how readily they end.

    The two are told apart because what was drafted takes less to be verified than what was not.
    """

    def __init__(self, profile: LatencyProfile, limits: Limits) -> None:
        self.profile = profile
        self.queue = FairQueue(limits.quantum_s)
        self.batcher = Batcher(profile, limits)
        self.yielding = Yielding(limits.interruptible)
        self._limits = limits

    def __len__(self) -> int:
        return len(self.queue)

    def __contains__(self, job_id: str) -> bool:
        return job_id in self.queue

    def add(self, job: Job) -> None:
        """At the price of its share of a full batch at its cheapest rung."""
        full = self._limits.max_batch
        share_s = self.profile.predict(job.rungs[0], job.length, full) / full
        self.queue.add(job, share_s, self.profile.bucket(job.length))

    def candidates(self, now: float) -> list[Entry]:
        """The first jobs in order, and the first that have time for a full batch.

        Under overload the first alone are all urgent and would make small batches.
        """
        full = self._limits.max_batch
        candidates = self.queue.candidates(3 * full)
        if len(candidates) < len(self.queue):
            first = candidates[0]
            full_s = self.profile.predict_bucket(first.job.rungs[0], first.bucket, full)
            seen = set(map(id, candidates))
            later = self.queue.candidates(full, due_from=now + self._limits.guard_s + full_s)
            candidates += [entry for entry in later if id(entry) not in seen]
        return candidates

    def choose(self, candidates: list[Entry], now: float, rate: float, risk: float) -> Batch:
        """The next batch, with the first candidate in it where that was passed over for long."""
        behind = self.queue.front - candidates[0].round
        must = candidates[0] if behind >= self._limits.patience else None
        return self.batcher.choose(candidates, now, rate, must, risk, self.yielding.cost)

    def next_better_s(self, candidates: list[Entry]) -> float:
        """What a run of these takes if it is of the next better rung."""
        first, size = candidates[0], min(len(candidates), self._limits.max_batch)
        rungs = first.job.rungs
        better = rungs[0] if first.job.done else rungs[min(1, len(rungs) - 1)]
        return self.profile.expect_bucket(better, first.bucket, size)

    def cost_s(self, job: Job) -> float:
        """What a job takes alone at its cheapest rung."""
        return self.profile.predict(job.rungs[0], job.length, 1)

    def typical_s(self, job: Job) -> float:
        """The median of that."""
        return self.profile.expect_bucket(job.rungs[0], self.profile.bucket(job.length), 1)

    def expected_s(self, rung: Rung, jobs: tuple[Job, ...]) -> float:
        """The median of a run of these."""
        longest = max(self.profile.bucket(job.length) for job in jobs)
        return self.profile.expect_bucket(rung, longest, len(jobs))

    def observe(self, rung: Rung, jobs: tuple[Job, ...], took_s: float, now: float) -> None:
        """A run has come to its end: teach the profile."""
        longest = max(job.length for job in jobs)
        self.profile.observe(rung, longest, len(jobs), took_s, now)
