"""Translation's ladder: texts in, translations out."""

from __future__ import annotations

from stream.core import wire
from stream.core.errors import EngineError, OntimeError, Unavailable
from stream.core.messages import Rung, Translation
from stream.core.records import Failure, Record, TextJob, Topic
from workers.core.jobs import Job
from workers.ports import Answer, Card, Render, Rendered
from workers.requests import NOTHING, Requests, TextRole, Waiting
from workers.role import Catalogue, Outcome, Publication, Timing


class Translating(TextRole[TextJob]):
    """Translates requests. Without an engine each gets an error that says which one is missing."""

    name = "translation"
    inputs: tuple[Topic, ...] = (Topic.TEXTS,)

    def __init__(self, card: Card | None, owner: str, missing: str = "") -> None:
        self.owner = owner
        self.catalogue = Catalogue()
        self._card = card
        self._missing = missing
        rungs = card.rungs if card else (Rung.REPEAT,)
        self._waiting = Requests(Topic.TRANSLATIONS, rungs, owner)

    def receive(self, record: Record, now: float) -> Outcome:
        text = wire.decode_text(record)
        refusal = self._refusal(text)
        if refusal is not None:
            return self._fail(Waiting(text, record, now), refusal)
        return Outcome(jobs=(self._waiting.admit(text, record, now),))

    def ask(self, job: Job, now: float) -> Render | None:
        waiting = self._waiting.get(job.id)
        if waiting is None:
            return None
        text = waiting.asked
        glossary = self.catalogue.of(text.channel).glossary
        return Render(text=text.text, source=text.source, target=text.target, glossary=glossary)

    def answer(self, job: Job, answer: Answer, rung: Rung, timing: Timing) -> Outcome:
        assert isinstance(answer, Rendered)
        waiting = self._waiting.finish(job.id)
        if waiting is None:
            return NOTHING
        assert self._card is not None
        translation = Translation(
            id=waiting.asked.id,
            channel=waiting.asked.channel,
            text=answer.text,
            stable=len(answer.text),
            language=waiting.asked.target,
            rung=rung,
            latency=waiting.latency(timing),
            budget_ms=waiting.asked.budget_ms,
            degraded=rung is not self._card.rungs[-1],
        )
        return self._waiting.publish(waiting, translation)

    def expire(self, job: Job, now: float) -> Outcome:
        waiting = self._waiting.finish(job.id)
        if waiting is None:
            return NOTHING
        told = f"no translation was ready within {waiting.asked.budget_ms} ms"
        return self._fail(waiting, Unavailable(told))

    def abandon(self, job: Job, error: Exception, now: float) -> Outcome:
        waiting = self._waiting.finish(job.id)
        if waiting is None:
            return NOTHING
        told = EngineError("the engine failed on this text")
        return self._fail(waiting, told, waiting.dead_letter(error))

    def _refusal(self, text: TextJob) -> OntimeError | None:
        if self._card is None:
            return Unavailable(self._missing)
        if text.target not in self._card.languages:
            offered = ", ".join(self._card.languages)
            return Unavailable(f"target is {text.target}, expected one of {offered}")
        return None

    def _fail(self, waiting: Waiting[TextJob], error: OntimeError, *others: Publication) -> Outcome:
        failure = Failure(id=waiting.asked.id, code=error.code, message=str(error))
        return self._waiting.publish(waiting, failure, *others)
