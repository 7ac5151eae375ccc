"""Which of the first jobs in the queue make the next batch, and at which rung."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import inf

from stream.core.messages import Rung
from workers.core.fair import Entry
from workers.core.limits import Limits
from workers.core.profile import LatencyProfile
from workers.core.surface import BATCHES
from workers.core.worth import Worth

_ORDER = {rung: place for place, rung in enumerate(Rung)}
_SAVING = 0.06
_FAR_DEARER = 1.5
_FEW = 4  # the median of four outlives one slow run


@dataclass(frozen=True, slots=True)
class Batch:
    """Entries that run together at `rung`, and the 95th percentile of their time."""

    entries: tuple[Entry, ...]
    rung: Rung
    predicted_s: float


@dataclass(frozen=True, slots=True)
class _Option:
    """`size` jobs offering `rung`, none longer than `bucket`, that are on time after `took_s`.

    `rate` is how many a second that makes, or their worth.
    """

    rung: Rung
    bucket: int
    size: int
    took_s: float
    rate: float


class Batcher:
    """Chooses the batch that completes most jobs on time per second, then the best rung for it.

    A higher rung is taken where every job of the batch offers it and stays on time, and the
    candidates left behind could all still be met, with `headroom` times the work that is seen.
    Where rungs have a worth that decides: of the batch, of those left behind that can still be met,
    less that of the answers which the time may cost those who are yet to come (worth.py).

    Whoever comes meanwhile waits for a batch, so a larger one has to save some of the time that the
    same jobs take in two. One that few as large speak for, or that seems far dearer than its jobs
    in smaller ones, is thought to cost no more and is tried: what says otherwise was a slow moment,
    or cheap jobs that ran alone.
    """

    def __init__(self, profile: LatencyProfile, limits: Limits) -> None:
        self._profile = profile
        self._limits = limits
        self.worth = Worth(profile, limits)
        below = (size for size in BATCHES if size < limits.max_batch)
        self._sizes = (*below, limits.max_batch)

    def choose(
        self,
        candidates: Sequence[Entry],
        now: float,
        rate: float,
        must: Entry | None = None,
        risk: float = 0.0,
        cost: float = 1.0,
    ) -> Batch:
        """The best batch from candidates in order of preference; one at least can be on time.

        `rate` is how many come a second; `must` a candidate that can be on time and that the batch
        has to hold; `risk` how likely somebody goes without an answer before all are served; `cost`
        the share of a better rung's time that this takes away where nobody is left behind.
        """
        latest = now + self._limits.guard_s
        best: _Option | None = None
        for rung in self._rungs(candidates):
            offering = [entry for entry in candidates if rung in entry.job.rungs]
            for bucket in sorted({entry.bucket for entry in offering}):
                option = self._best_size(rung, bucket, offering, latest, must)
                if option and (best is None or option.rate > best.rate):
                    best = option
        assert best is not None
        chosen = self._fill(best, candidates, latest, must)
        left = self._left(chosen, candidates)
        risk *= 1.0 if left else cost
        return self._settle(best, chosen, left, latest, rate, risk)

    def _rungs(self, candidates: Sequence[Entry]) -> list[Rung]:
        """At which a batch may be the best: each job's lowest, and those whose worth is known."""
        lowest = {entry.job.rungs[0] for entry in candidates}
        offered = {rung for entry in candidates for rung in entry.job.rungs}
        return sorted(lowest | (offered & self.worth.known), key=_ORDER.__getitem__)

    def _best_size(
        self,
        rung: Rung,
        bucket: int,
        offering: Sequence[Entry],
        latest: float,
        must: Entry | None,
    ) -> _Option | None:
        deadlines = sorted(entry.job.deadline for entry in offering if entry.bucket <= bucket)
        if must and (must.bucket > bucket or rung not in must.job.rungs):
            return None
        best: _Option | None = None
        least_s = inf
        worth = self.worth.of(rung)
        for size in self._sizes_up_to(len(deadlines)):
            took_s = self._profile.predict_bucket(rung, bucket, size)
            if must and must.job.deadline < latest + took_s:
                break
            on_time = len(deadlines) - bisect_left(deadlines, latest + took_s)
            if on_time == 0:
                break
            done = min(size, on_time)
            each_s = self._profile.expect_bucket(rung, bucket, size) / size
            doubted = self._is_doubted(rung, size, each_s, least_s)
            least_s = min(least_s, each_s)
            rate = done / size * worth / least_s
            if best and (rate < best.rate or not (doubted or self._saves(best, size, each_s))):
                continue
            best = _Option(rung, bucket, done, took_s, rate)
        return best

    def _is_doubted(self, rung: Rung, size: int, each_s: float, least_s: float) -> bool:
        """Whether too little speaks for `each_s` a job, where smaller batches take `least_s`."""
        return each_s > _FAR_DEARER * least_s or self._profile.seen(rung, size) < _FEW

    def _saves(self, smaller: _Option, size: int, each_s: float) -> bool:
        """Whether a batch of `size` beats the smaller one and what that leaves behind."""
        rest = max(size - smaller.size, 1)
        apart_s = sum(
            self._profile.expect_bucket(smaller.rung, smaller.bucket, part)
            for part in (smaller.size, rest)
        )
        return apart_s >= (1 + _SAVING) * each_s * size

    def _sizes_up_to(self, count: int) -> list[int]:
        count = min(count, self._limits.max_batch)
        return [size for size in self._sizes if size < count] + [count] * (count > 0)

    def _fill(
        self, option: _Option, candidates: Sequence[Entry], latest: float, must: Entry | None
    ) -> tuple[Entry, ...]:
        start = [must] if must else []
        fitting = (
            entry
            for entry in candidates
            if entry is not must
            and option.rung in entry.job.rungs
            and entry.bucket <= option.bucket
            and entry.job.deadline >= latest + option.took_s
        )
        return (*start, *islice(fitting, option.size - len(start)))

    def _settle(
        self,
        option: _Option,
        chosen: tuple[Entry, ...],
        left: Sequence[float],
        latest: float,
        rate: float,
        risk: float,
    ) -> Batch:
        """The best rung that all of the chosen offer and are on time at."""
        bucket, size = max(entry.bucket for entry in chosen), len(chosen)
        first = min(entry.job.deadline for entry in chosen)
        shared = set(chosen[0].job.rungs).intersection(*(entry.job.rungs for entry in chosen))
        rungs = sorted(shared, key=_ORDER.__getitem__)
        took_s = {rung: self._profile.predict_bucket(rung, bucket, size) for rung in rungs}
        fitting = [r for r in rungs if r is option.rung or latest + took_s[r] <= first]
        if not shared.isdisjoint(self.worth.known):
            rung = self.worth.best(fitting, bucket, size, left, latest, risk)
        else:
            bearable = [r for r in fitting if r is option.rung or self._bearable(r, bucket, rate)]
            ends = {rung: latest + took_s[rung] for rung in bearable}
            rung = self._highest(bearable, ends, left, option, size)
        return Batch(chosen, rung, took_s[rung])

    def _highest(
        self,
        rungs: Sequence[Rung],
        ends: Mapping[Rung, float],
        left: Sequence[float],
        option: _Option,
        size: int,
    ) -> Rung:
        """Where nothing has a worth: at which all of the others could still be met."""
        for rung in reversed(rungs):
            if rung is option.rung or self._met(left, ends[rung], option, size):
                return rung
        return option.rung

    def _bearable(self, rung: Rung, bucket: int, rate: float) -> bool:
        """Whether the engines could give all that comes this rung, in full batches."""
        each_s = self.worth.each_s(rung, bucket)
        return rate * each_s <= self._limits.ceiling * self._limits.engines

    def _left(self, chosen: tuple[Entry, ...], candidates: Sequence[Entry]) -> list[float]:
        taken = set(map(id, chosen))
        return sorted(entry.job.deadline for entry in candidates if id(entry) not in taken)

    def _met(self, deadlines: Sequence[float], start: float, option: _Option, size: int) -> bool:
        """Whether all of these are on time if batches like this one begin at `start`."""
        pace = self._limits.headroom * option.took_s / size / self._limits.engines
        return all(
            start + option.took_s + place * pace <= deadline
            for place, deadline in enumerate(deadlines)
        )
