"""What a task decides: the part of a worker that knows captions from verdicts.

A role is told what was read, answered, expired or lost, and says what to publish, what to schedule
and which input is finished. It never waits; worker.py does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from stream.core.messages import Rung
from stream.core.records import Log, Origin, Position, Record, Result, Topic
from stream.core.settings import ChannelSettings
from stream.core.wire import Payload
from workers.core.jobs import Job
from workers.ports import Answer, Question

Catalogue = ChannelSettings
"""What holds on each channel, as the bus tells it."""


class Publication(NamedTuple):
    """A record to be written; `durable` ones are acknowledged before their input is finished."""

    topic: Topic
    key: str
    payload: Payload
    durable: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What follows: publish, then (once the durable ones stand) close input; schedule jobs.

    `forget` names streams whose state the engine may drop.
    """

    publications: tuple[Publication, ...] = ()
    jobs: tuple[Job, ...] = ()
    closed: tuple[Position, ...] = ()
    forget: tuple[str, ...] = ()


class Timing(NamedTuple):
    """When a run began (clock) and how many seconds it took; `broken_off`: others came, so what it
    has not reached may be asked for again.
    """

    began: float
    took_s: float
    broken_off: bool = False


class Told(NamedTuple):
    """A result that an earlier owner of a log has published."""

    result: Result
    origin: Origin


class Role(Protocol):
    """One task. `owner` names this life of it; `claims`: logs in which only an owner may speak."""

    name: str
    owner: str
    inputs: tuple[Topic, ...]
    claims: tuple[Topic, ...]
    catalogue: Catalogue

    def receive(self, record: Record, now: float) -> Outcome:
        """A record was read. Raises Malformed when it cannot be understood."""

    def ask(self, job: Job, now: float) -> Question | None:
        """The question that the job stands for, as it is now; None when there is none any more."""

    def answer(self, job: Job, answer: Answer, rung: Rung, timing: Timing) -> Outcome:
        """The engine has answered; nothing follows where the job was answered otherwise."""

    def expire(self, job: Job, now: float) -> Outcome:
        """No engine has answered in time; the job may still be in an engine's hands."""

    def lost(self, now: float) -> Outcome:
        """The engine's states are gone; jobs in flight come back by `retry`."""

    def retry(self, job: Job, now: float) -> Outcome:
        """The engine failed on this job; schedule it again."""

    def abandon(self, job: Job, error: Exception, now: float) -> Outcome:
        """The engine failed on this job, alone, for the last time."""

    def adopt(self, log: Log, told: Iterable[Told]) -> None:
        """This log is ours now; `told` is what earlier owners published for it, in order."""

    def drop(self, logs: Iterable[Log]) -> Outcome:
        """These logs belong to others now."""

    def statistics(self) -> Mapping[str, float]:
        """Counts by name, beside those of the worker, its queue and its engine."""
