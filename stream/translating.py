"""Texts to translate: one answer each by its deadline, or an error that says what is missing."""

from __future__ import annotations

import asyncio
import itertools
from typing import Literal, NamedTuple

from msgspec.structs import replace

from stream.alarm import Alarm
from stream.core import requests, wire
from stream.core.errors import Overloaded, Unavailable
from stream.core.messages import Error, Translation
from stream.core.offers import ALL, check_wish
from stream.core.pending import Pending
from stream.core.records import Detection, Failure, Offer, TextJob, Topic
from stream.core.stats import Histogram
from stream.gate import Asker
from stream.ports import Bus, Clock

LIMIT = 4_096


INQUIRY_S = 2.0
"""So long an answer about languages is waited for: no model is asked."""
NOBODY = Failure(
    id="",
    code=Unavailable.code,
    message=f"no translation worker answered within {INQUIRY_S:g} s",
)


class _Question(NamedTuple):
    request: requests.Translate
    asker: Asker


class _Wish(NamedTuple):
    request: requests.Open
    asker: Asker


Inquiry = asyncio.Future[Offer | Detection]


class Translator:
    """Asks the workers by the `texts` log; `answer` and the deadline answer."""

    def __init__(self, bus: Bus, clock: Clock, name: str, limit: int = LIMIT) -> None:
        self.latency = Histogram()
        self._bus = bus
        self._clock = clock
        self._name = name
        self._limit = limit
        self._pending: Pending[_Question | _Wish | Inquiry] = Pending(limit)
        self._alarm = Alarm(clock, self._expire)
        self._numbers = itertools.count(1)

    def ask(self, request: requests.Translate, asker: Asker) -> None:
        """Exactly one answer is told to `asker`. Raises Overloaded or BusError: then none is."""
        job = self._job(request.budget_ms, request.text, request.source, request.target)
        self._send(job, _Question(request, asker))

    def check(self, request: requests.Open, asker: Asker) -> None:
        """Tell a publisher whose subtitles will not come, and why. Raises as `ask` does."""
        if request.translate and ALL not in request.translate:
            self._send(self._job(INQUIRY_S * 1000, asks="languages"), _Wish(request, asker))

    async def languages(self) -> Offer:
        """What can be translated. Raises Unavailable without a worker, and as `ask` does."""
        offer = await self._inquire(self._job(INQUIRY_S * 1000, asks="languages"))
        assert isinstance(offer, Offer)
        return offer

    async def detect(self, text: str) -> Detection:
        """Which language a text is in, offered or not. Raises as `languages`."""
        found = await self._inquire(self._job(INQUIRY_S * 1000, text, asks="detection"))
        assert isinstance(found, Detection)
        return found

    def answer(self, result: Translation | Failure | Offer | Detection) -> None:
        """A worker's answer that was addressed to this gateway; later ones count for nothing."""
        asked = self._pending.take(result.id or "")
        self._alarm.set(self._pending.next_due())
        if asked is None:
            return
        match asked.question:
            case asyncio.Future() as inquiry:
                _settle(inquiry, result)
            case _Wish() as wish:
                _hold_against(wish, result)
            case _Question() as question if not isinstance(result, Offer | Detection):
                self._tell(question, result, asked.arrived, asked.deadline)

    def _tell(
        self, question: _Question, result: Translation | Failure, arrived: float, deadline: float
    ) -> None:
        request, asker = question
        if isinstance(result, Failure):
            asker.tell(Error(code=result.code, message=result.message, id=request.id))
            return
        now = self._clock.now()
        total_ms = round((now - arrived) * 1000, 3)
        self.latency.observe(total_ms)
        latency = replace(result.latency, total_ms=total_ms)
        late = now > deadline
        asker.tell(replace(result, id=request.id, channel="", latency=latency, late=late))

    def stop(self) -> None:
        self._alarm.stop()

    def statistics(self) -> dict[str, float]:
        return self._pending.statistics()

    async def _inquire(self, job: TextJob) -> Offer | Detection:
        answer: Inquiry = asyncio.get_running_loop().create_future()
        self._send(job, answer)
        return await answer

    def _job(
        self,
        budget_ms: float,
        text: str = "",
        source: str = "",
        target: str = "",
        asks: Literal["translation", "detection", "languages"] = "translation",
    ) -> TextJob:
        job_id = f"{self._name}-t{next(self._numbers)}"
        return TextJob(
            id=job_id,
            channel=job_id,  # a request belongs to no channel: its own key spreads the load
            asks=asks,
            text=text,
            source=source,
            target=target,
            gateway=self._name,
            arrived=self._clock.now(),
            budget_ms=round(budget_ms),
        )

    def _send(self, job: TextJob, question: _Question | _Wish | Inquiry) -> None:
        if len(self._pending) >= self._limit:
            raise Overloaded(f"{self._limit} texts wait for their translation, expected fewer")
        payload = wire.encode_job(job)
        sent = self._bus.publish_nowait(Topic.TEXTS, job.id, payload.value, payload.headers)
        # A job that is lost on its way is answered at its deadline.
        sent.add_done_callback(lambda done: done.cancelled() or done.exception())
        deadline = job.arrived + job.budget_ms / 1000
        self._pending.put(job.id, question, job.arrived, deadline)
        self._alarm.set(self._pending.next_due())

    def _expire(self) -> None:
        for asked in self._pending.expire(self._clock.now()):
            match asked.question:
                case asyncio.Future() as inquiry:
                    _settle(inquiry, NOBODY)
                case _Wish() as wish:
                    _hold_against(wish, NOBODY)
                case _Question(request=request, asker=asker):
                    asker.tell(_no_answer(request))
        self._alarm.set(self._pending.next_due())


def _settle(inquiry: Inquiry, result: Translation | Failure | Offer | Detection) -> None:
    if inquiry.done():
        return
    if isinstance(result, Offer | Detection):
        inquiry.set_result(result)
    else:
        told = result.message if isinstance(result, Failure) else "a worker answered beside it"
        inquiry.set_exception(Unavailable(told))


def _hold_against(wish: _Wish, result: Translation | Failure | Offer | Detection) -> None:
    """Only what is wrong is told."""
    request, asker = wish
    try:
        if isinstance(result, Failure):
            raise Unavailable(
                f"{result.message}, expected subtitles: {', '.join(request.translate)}"
            )
        if isinstance(result, Offer):
            check_wish(request.language, request.translate, result.sources, result.targets)
    except Unavailable as error:
        asker.tell(Error(code=error.code, message=str(error), id=request.id))


def _no_answer(request: requests.Translate) -> Error:
    told = (
        f"no translation worker answered within {request.budget_ms} ms, expected one with an "
        f"engine for {request.source} to {request.target}"
    )
    return Error(code=Unavailable.code, message=told, id=request.id)
