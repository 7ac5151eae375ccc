"""What is in an engine's hands: the jobs by their deadlines, and the run they are in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stream.core.deadlines import DeadlineHeap
from workers.core.jobs import Job, Run


@dataclass(slots=True)
class Going:
    """A run that began; `asked_s` after that it was asked to break off, if it was."""

    run: Run
    began: float
    asked_s: float | None = None

    @property
    def broken_off(self) -> bool:
        return self.asked_s is not None


class UnderWay:
    """One run at a time. Its jobs are entered before it begins, for an engine may have to start."""

    def __init__(self) -> None:
        self.going: Going | None = None
        self._deadlines: DeadlineHeap[str] = DeadlineHeap()
        self._jobs: dict[str, Job] = {}

    def enter(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            self._deadlines.push(job.id, job.deadline)
            self._jobs[job.id] = job

    def begin(self, run: Run, now: float) -> Going:
        self.going = Going(run, now)
        return self.going

    def leave(self) -> None:
        """The engine has answered, or failed."""
        for job_id in self._jobs:
            self._deadlines.remove(job_id)
        self._jobs.clear()
        self.going = None

    def pop_due(self, now: float) -> list[Job]:
        """Each job once, when its time is up; it stays in the engine's hands."""
        return [self._jobs[job_id] for job_id in self._deadlines.pop_due(now)]

    def next_due(self) -> float | None:
        return self._deadlines.next_due()
