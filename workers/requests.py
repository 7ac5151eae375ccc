"""Texts that wait for one answer each: what moderation and translation have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from stream.core import wire
from stream.core.messages import Latency, Rung
from stream.core.records import Log, Origin, Position, PostJob, Record, Result, TextJob, Topic
from workers.core.jobs import Job
from workers.role import Outcome, Publication, Timing, Told

Asked = TypeVar("Asked", PostJob, TextJob)
ATTEMPTS = 2
NOTHING = Outcome()


@dataclass(frozen=True, slots=True)
class Waiting(Generic[Asked]):
    """A request, the record it came in and when that was read."""

    asked: Asked
    record: Record
    read: float

    @property
    def position(self) -> Position:
        return Position(self.record.log, self.record.offset)

    @property
    def ingress_ms(self) -> float:
        return round(max(0.0, self.read - self.asked.arrived) * 1000, 3)

    def latency(self, timing: Timing) -> Latency:
        return Latency(
            ingress_ms=self.ingress_ms,
            queue_ms=round(max(0.0, timing.began - self.read) * 1000, 3),
            decode_ms=round(timing.took_s * 1000, 3),
        )

    def dead_letter(self, error: Exception) -> Publication:
        payload = wire.dead_letter(self.record, error, ATTEMPTS)
        return Publication(Topic.DEAD_LETTERS, self.record.key, payload)


class Requests(Generic[Asked]):
    """What waits, by job id, and how its answers are published to `topic`.

    The reader bounds its size: it stops while the schedule is full.
    """

    def __init__(self, topic: Topic, rungs: tuple[Rung, ...], owner: str) -> None:
        self._topic = topic
        self._rungs = rungs
        self._owner = owner
        self._waiting: dict[str, Waiting[Asked]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, job_id: object) -> bool:
        return job_id in self._waiting

    def admit(self, asked: Asked, record: Record, now: float) -> Job:
        """The job for a request; a record that is read again replaces itself."""
        job_id = f"{record.log.topic}/{record.log.partition}/{record.offset}"
        self._waiting[job_id] = Waiting(asked, record, now)
        return Job(
            id=job_id,
            channel=asked.channel,
            deadline=asked.arrived + asked.budget_ms / 1000,
            length=max(1, len(asked.text)),
            rungs=self._rungs,
        )

    def get(self, job_id: str) -> Waiting[Asked] | None:
        return self._waiting.get(job_id)

    def finish(self, job_id: str) -> Waiting[Asked] | None:
        """Take a request out; None when it has been answered already."""
        return self._waiting.pop(job_id, None)

    def publish(self, waiting: Waiting[Asked], result: Result, *others: Publication) -> Outcome:
        """The answer to a request, which is finished once the answer stands."""
        asked = waiting.asked
        origin = Origin(
            owner=self._owner, arrived=asked.arrived, budget_ms=asked.budget_ms, to=asked.gateway
        )
        answer = Publication(self._topic, asked.channel, wire.encode_result(result, origin))
        return Outcome(publications=(answer, *others), closed=(waiting.position,))

    def drop(self, logs: Iterable[Log]) -> None:
        gone = frozenset(logs)
        self._waiting = {
            job_id: waiting
            for job_id, waiting in self._waiting.items()
            if waiting.record.log not in gone
        }


class TextRole(Generic[Asked]):
    """The half of a role that is the same for all requests: no state but what waits."""

    claims: tuple[Topic, ...] = ()
    _waiting: Requests[Asked]

    def lost(self, now: float) -> Outcome:
        """An engine for texts has no state that could be lost."""
        return NOTHING

    def retry(self, job: Job, now: float) -> Outcome:
        return Outcome(jobs=(job,)) if job.id in self._waiting else NOTHING

    def adopt(self, log: Log, told: Iterable[Told]) -> None:
        """Answers need no past: whoever waits drops a repeated one."""

    def drop(self, logs: Iterable[Log]) -> Outcome:
        self._waiting.drop(logs)
        return NOTHING

    def statistics(self) -> Mapping[str, float]:
        return {"requests": len(self._waiting)}
