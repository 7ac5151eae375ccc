"""What is scheduled, and what may be decided about it.

Times are float seconds on one clock, which belongs to the caller.
"""

from __future__ import annotations

from dataclasses import dataclass

from stream.core.messages import Rung


@dataclass(frozen=True, slots=True)
class Job:
    """One question to an engine.

    `id`          unique among what is queued
    `channel`     the unit of fairness
    `deadline`    seconds
    `length`      size for the latency profile: samples, characters or tokens
    `rungs`       what an engine can give, cheapest first, at least one
    `supersedes`  key: a newer job of the same key replaces a queued partial; None where none does
    `final`       a final is never replaced, and like every job never dropped without a decision
    `done`        the rung already answered, where this job asks for a better one; such a job waits
                  until no first answer does, and when it expires what is done stands
    """

    id: str
    channel: str
    deadline: float
    length: int
    rungs: tuple[Rung, ...]
    supersedes: str | None = None
    final: bool = True
    done: Rung | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """Run these jobs as one batch at `rung`; the 95th percentile of its time is `predicted_s`.

    `yields`: who comes for a first answer meanwhile is worth breaking it off for.
    """

    jobs: tuple[Job, ...]
    rung: Rung
    predicted_s: float
    yields: bool = False

    @property
    def improves(self) -> bool:
        """Whether all of these are answered already."""
        return all(job.done is not None for job in self.jobs)


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing can run, or is worth its time. Ask again after the next `add`, or at `until` if that
    comes first.
    """

    until: float | None = None


@dataclass(frozen=True, slots=True)
class Expire:
    """Answer these jobs with what there is: no engine can answer them in time, or what would be
    better does not pay. Then ask again.
    """

    jobs: tuple[Job, ...]


Decision = Run | Wait | Expire
