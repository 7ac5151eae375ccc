"""What answers are worth at a rung, and what the time costs that a better one takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf

from stream.core.messages import Rung
from workers.core.fair import Entry
from workers.core.limits import Limits
from workers.core.profile import LatencyProfile


class Worth:
    """Of rungs by `limits`, 1 where none is named; `risk` is how likely somebody goes without an
    answer before all are served (risk.py): then the time of a run is missing that makes answers at
    the lowest rung in full batches.
    """

    def __init__(self, profile: LatencyProfile, limits: Limits) -> None:
        self._profile = profile
        self._limits = limits
        self.known = frozenset(limits.worth)

    def of(self, rung: Rung) -> float:
        return self._limits.worth.get(rung, 1.0)

    def each_s(self, rung: Rung, bucket: int) -> float:
        """Seconds a job takes on average in a full batch."""
        full = self._limits.max_batch
        return self._profile.average_bucket(rung, bucket, full) / full

    def least_s(self, entry: Entry) -> float:
        """Seconds that a job takes of a full batch at the lowest rung that it has or wants."""
        return self.each_s(_lowest(entry), entry.bucket)

    def pays(
        self,
        rung: Rung,
        entries: Sequence[Entry],
        lasts: Callable[[float], float],
        risk: float,
        cost: float,
    ) -> bool:
        """Whether answers that are made better add more than the time may cost; first ones do.

        `lasts` tells how likely nobody comes for so long. Whoever comes goes without `cost` of the
        time, and if the run is broken off for him nothing is added.
        """
        had = [self.of(entry.job.done) for entry in entries if entry.job.done]
        if not self.known or not had:
            return True
        added = len(had) * self.of(rung) - sum(had)
        took_s = self._took_s(rung, entries)
        undisturbed = lasts(took_s)
        missed = self._missed((1 - undisturbed) * cost * took_s, entries[0])
        return added * (undisturbed if self._limits.interruptible else 1.0) >= risk * missed

    def gives_way(self, rung: Rung, entries: Sequence[Entry], risk: float) -> bool:
        """Whether first answers at a better rung, begun while nobody else waited, should be broken
        off for whoever comes: what half of their time may cost is more than they add to the lowest.
        """
        lowest = entries[0].job.rungs[0]
        if self.known.isdisjoint((lowest, rung)):
            return True
        added = len(entries) * (self.of(rung) - self.of(lowest))
        return risk * self._missed(self._took_s(rung, entries) / 2, entries[0]) >= added

    def best(
        self,
        rungs: Sequence[Rung],
        bucket: int,
        size: int,
        left: Sequence[float],
        start: float,
        risk: float,
    ) -> Rung:
        """At which a batch that begins at `start`, and those that are `left` with these deadlines
        and could still be met, are worth most, less what its time may cost those yet to come.
        """
        each_s = {rung: self.each_s(rung, bucket) for rung in rungs}
        quick = min(rungs, key=each_s.__getitem__)
        value_s = max(self.of(rung) / each_s[rung] for rung in rungs)
        best, most = rungs[0], -inf
        for rung in rungs:
            took_s = self._profile.expect_bucket(rung, bucket, size)
            met = _still_met(left, start + took_s, each_s[quick])
            made = size * self.of(rung) + met * self.of(quick) - risk * took_s * value_s
            if made >= most:
                best, most = rung, made
        return best

    def _took_s(self, rung: Rung, entries: Sequence[Entry]) -> float:
        bucket = max(entry.bucket for entry in entries)
        return self._profile.expect_bucket(rung, bucket, len(entries))

    def _missed(self, seconds: float, entry: Entry) -> float:
        """The worth of what this time would have made."""
        return self.of(_lowest(entry)) * seconds / self.least_s(entry)


def _lowest(entry: Entry) -> Rung:
    return entry.job.done or entry.job.rungs[0]


def _still_met(deadlines: Sequence[float], start: float, pace_s: float) -> int:
    """How many of these, in their order, can be on time one after the other from `start` on."""
    met = 0
    for deadline in deadlines:
        met += start + (met + 1) * pace_s <= deadline
    return met
