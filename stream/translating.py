"""Texts to translate: one answer each by its deadline, or an error that says what is missing."""

from __future__ import annotations

import itertools
from typing import NamedTuple

from msgspec.structs import replace

from stream.alarm import Alarm
from stream.core import requests, wire
from stream.core.errors import Overloaded, Unavailable
from stream.core.messages import Error, Translation
from stream.core.pending import Asked, Pending
from stream.core.records import Failure, TextJob, Topic
from stream.core.stats import Histogram
from stream.gate import Asker
from stream.ports import Bus, Clock

LIMIT = 4_096


class _Question(NamedTuple):
    request: requests.Translate
    asker: Asker


class Translator:
    """Asks the workers by the `texts` log; `answer` and the deadline answer."""

    def __init__(self, bus: Bus, clock: Clock, name: str, limit: int = LIMIT) -> None:
        self.latency = Histogram()
        self._bus = bus
        self._clock = clock
        self._name = name
        self._pending: Pending[_Question] = Pending(limit)
        self._alarm = Alarm(clock, self._expire)
        self._numbers = itertools.count(1)

    def ask(self, request: requests.Translate, asker: Asker) -> None:
        """Exactly one answer is told to `asker`. Raises Overloaded or BusError: then none is."""
        now = self._clock.now()
        if len(self._pending) >= LIMIT:
            raise Overloaded(f"{LIMIT} texts wait for their translation, expected fewer")
        job_id = f"{self._name}-t{next(self._numbers)}"
        self._send(job_id, request, now)
        deadline = now + request.budget_ms / 1000
        self._pending.put(job_id, _Question(request, asker), now, deadline)
        self._alarm.set(self._pending.next_due())

    def answer(self, result: Translation | Failure) -> None:
        """A worker's answer that was addressed to this gateway; later ones count for nothing."""
        asked = self._pending.take(result.id or "")
        self._alarm.set(self._pending.next_due())
        if asked is None:
            return
        request, asker = asked.question
        if isinstance(result, Failure):
            asker.tell(Error(code=result.code, message=result.message, id=request.id))
            return
        now = self._clock.now()
        total_ms = round((now - asked.arrived) * 1000, 3)
        self.latency.observe(total_ms)
        latency = replace(result.latency, total_ms=total_ms)
        late = now > asked.deadline
        asker.tell(replace(result, id=request.id, channel="", latency=latency, late=late))

    def stop(self) -> None:
        self._alarm.stop()

    def statistics(self) -> dict[str, float]:
        return self._pending.statistics()

    def _send(self, job_id: str, request: requests.Translate, now: float) -> None:
        job = TextJob(
            id=job_id,
            channel=job_id,  # a request belongs to no channel: its own key spreads the load
            text=request.text,
            source=request.source,
            target=request.target,
            gateway=self._name,
            arrived=now,
            budget_ms=request.budget_ms,
        )
        payload = wire.encode_job(job)
        sent = self._bus.publish_nowait(Topic.TEXTS, job_id, payload.value, payload.headers)
        # A job that is lost on its way is answered at its deadline.
        sent.add_done_callback(lambda done: done.cancelled() or done.exception())

    def _expire(self) -> None:
        for asked in self._pending.expire(self._clock.now()):
            asked.question.asker.tell(_no_answer(asked))
        self._alarm.set(self._pending.next_due())


def _no_answer(asked: Asked[_Question]) -> Error:
    request = asked.question.request
    told = (
        f"no translation worker answered within {request.budget_ms} ms, expected one with an "
        f"engine for {request.source} to {request.target}"
    )
    return Error(code=Unavailable.code, message=told, id=request.id)
