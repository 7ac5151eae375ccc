"""Translation's ladder: texts and growing captions in, translations out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from msgspec import UNSET
from msgspec.structs import replace

from stream.core import wire
from stream.core.errors import EngineError, OntimeError, Unavailable
from stream.core.messages import Detected, Rung, Translation
from stream.core.records import (
    AUTO,
    Detection,
    Failure,
    Log,
    Offer,
    Record,
    Result,
    TextJob,
    Topic,
)
from workers.core.jobs import Job
from workers.core.ladder import above, is_above, is_below
from workers.core.languages import Detector
from workers.ports import Answer, Card, Render, Rendered
from workers.requests import NOTHING, Requests, TextRole, Waiting
from workers.role import Catalogue, Outcome, Publication, Timing, Told
from workers.subtitles import Subtitles

RESERVE_MS = 15.0
"""Kept of a request's budget for the answer's way to the gateway, at most a quarter of it."""
GUARD_S = 0.005


class Translating(TextRole[TextJob]):
    """Translates requests, and captions whose publisher asked for it.

    A request gets one answer: where there is time for a better one, the first is kept until that
    one, or the deadline, comes.
    """

    name = "translation"
    inputs: tuple[Topic, ...] = (Topic.CAPTIONS, Topic.PARTIALS, Topic.TEXTS)
    claims: tuple[Topic, ...] = (Topic.TRANSLATIONS, Topic.PARTIALS)

    def __init__(self, card: Card, owner: str, detector: Detector | None = None) -> None:
        self.owner = owner
        self.catalogue = Catalogue()
        self._card = card
        self._sources = self._card.sources or self._card.languages[:1]
        self._detector = detector or Detector({}, 0.0)
        self._waiting = Requests(Topic.TRANSLATIONS, self._card.rungs, owner)
        self._kept: dict[str, Translation] = {}
        self._detected: dict[str, Detected] = {}
        self._counts: Counter[str] = Counter()
        self._subtitles = Subtitles(self._card, owner, self.catalogue, self._counts)

    def receive(self, record: Record, now: float) -> Outcome:
        if record.log.topic is not Topic.TEXTS:
            return self._subtitles.receive(record, now)
        text = wire.decode_text(record)
        waiting = Waiting(text, record, now)
        try:
            return self._take(waiting)
        except OntimeError as error:
            return self._fail(waiting, error)

    def ask(self, job: Job, now: float) -> Render | None:
        if job.supersedes is not None:
            return self._subtitles.ask(job, now)
        waiting = self._waiting.get(job.id)
        if waiting is None:
            return None
        text, kept = waiting.asked, self._kept.get(job.id)
        return Render(
            text=text.text,
            source=self._source(waiting, job.id),
            target=text.target,
            draft=kept.text if kept else "",
            answered=kept is not None,
            glossary=self.catalogue.of(text.channel).glossary,
            left_s=max(0.0, job.deadline - now - GUARD_S),
        )

    def answer(self, job: Job, answer: Answer, rung: Rung, timing: Timing) -> Outcome:
        assert isinstance(answer, Rendered)
        in_vain = timing.broken_off and not is_above(answer.rung or rung, job.done)
        if not in_vain:
            self._count(answer, rung)
        if job.supersedes is not None:
            return self._subtitles.answer(job, None if in_vain else answer, rung, timing)
        waiting = self._waiting.get(job.id)
        if waiting is None:
            return NOTHING
        if in_vain:
            return Outcome(jobs=(job,))
        translation = self._translation(job.id, waiting, answer, rung, timing)
        if is_below(translation.rung, job.done):
            translation = self._kept.get(job.id, translation)
        better = above(translation.rung, self._card.rungs)
        stood_still = job.done is translation.rung  # to ask it again would bring the same
        if better and not stood_still and timing.began + timing.took_s < job.deadline:
            self._kept[job.id] = translation
            return Outcome(jobs=(_climbing(job, translation.rung, better),))
        return self._tell(job.id, waiting, translation)

    def expire(self, job: Job, now: float) -> Outcome:
        if job.supersedes is not None:
            return self._subtitles.expire(job, now)
        waiting = self._waiting.get(job.id)
        if waiting is None:
            return NOTHING
        kept = self._kept.get(job.id)
        told = f"no translation was ready within {waiting.asked.budget_ms} ms"
        return self._tell(job.id, waiting, kept or _failure(waiting, Unavailable(told)))

    def retry(self, job: Job, now: float) -> Outcome:
        if job.supersedes is not None:
            return self._subtitles.retry(job, now)
        return super().retry(job, now)

    def abandon(self, job: Job, error: Exception, now: float) -> Outcome:
        if job.supersedes is not None:
            return self._subtitles.abandon(job, error, now)
        waiting = self._waiting.get(job.id)
        if waiting is None:
            return NOTHING
        kept = self._kept.get(job.id)
        told = kept or _failure(waiting, EngineError("the engine failed on this text"))
        return self._tell(job.id, waiting, told, waiting.dead_letter(error))

    def adopt(self, log: Log, told: Iterable[Told]) -> None:
        self._subtitles.adopt(told)

    def drop(self, logs: Iterable[Log]) -> Outcome:
        gone = tuple(logs)
        self._subtitles.drop(gone)
        super().drop(gone)
        for memory in (self._kept, self._detected):
            for job_id in [each for each in memory if each not in self._waiting]:
                del memory[job_id]
        return NOTHING

    def statistics(self) -> Mapping[str, float]:
        """Rungs reached, what the verification counted, and captions under way."""
        return {"requests": len(self._waiting), **self._subtitles.statistics(), **self._counts}

    def _take(self, waiting: Waiting[TextJob]) -> Outcome:
        """Raises Unavailable for a language that is not offered."""
        text = waiting.asked
        if text.asks == "languages":
            offer = Offer(id=text.id, sources=self._sources, targets=self._card.languages)
            return self._waiting.publish(waiting, offer)
        if text.asks == "detection":
            found = Detection(id=text.id, candidates=self._detect(text.text))
            return self._waiting.publish(waiting, found)
        detected = self._recognise(text.text) if text.source == AUTO else None
        source = detected.language if detected else text.source
        self._demand(source, text.target, "recognised source" if detected else "source")
        if source == text.target:
            return self._waiting.publish(waiting, self._as_it_is(waiting, detected))
        job = self._waiting.admit(text, waiting.record, waiting.read)
        if detected:
            self._detected[job.id] = detected
        reserve_s = min(RESERVE_MS, text.budget_ms / 4) / 1000
        return Outcome(jobs=(_due_earlier(job, reserve_s),))

    def _detect(self, text: str) -> tuple[Detected, ...]:
        """Among all languages that the detector knows. Raises Unavailable where there are none."""
        found = self._detector.detect(text)
        if not found:
            raise self._unrecognised()
        return tuple(Detected(language=each, confidence=sure) for each, sure in found)

    def _recognise(self, text: str) -> Detected:
        """Raises Unavailable where the detector knows none of the offered languages."""
        found = self._detector.source_of(text, self._sources)
        if found is None:
            raise self._unrecognised()
        return Detected(language=found.language, confidence=found.confidence)

    def _unrecognised(self) -> Unavailable:
        known = ", ".join(self._detector.languages) or "none"
        told = f"the language can be recognised among {known}, expected source to be one of "
        return Unavailable(told + ", ".join(self._sources))

    def _demand(self, source: str, target: str, source_name: str) -> None:
        """What is in the wanted language already needs no translation from it."""
        if source == target and target in self._card.languages:
            return
        for name, found, offered in (
            (source_name, source, self._sources),
            ("target", target, dict.fromkeys((*self._card.languages, *self._sources))),
        ):
            if found not in offered:
                there = ", ".join(offered)
                raise Unavailable(f"{name} is {found}, expected one of {there}")
        if target not in self._card.languages and target != source:
            there = ", ".join(self._card.languages)
            raise Unavailable(f"target is {target}, expected one of {there}")

    def _source(self, waiting: Waiting[TextJob], job_id: str) -> str:
        detected = self._detected.get(job_id)
        return detected.language if detected else waiting.asked.source

    def _translation(
        self,
        job_id: str,
        waiting: Waiting[TextJob],
        answer: Rendered,
        rung: Rung,
        timing: Timing,
    ) -> Translation:
        reached = answer.rung or rung
        return Translation(
            id=waiting.asked.id,
            channel=waiting.asked.channel,
            text=answer.text,
            stable=len(answer.text),
            language=waiting.asked.target,
            detected=self._detected.get(job_id, UNSET),
            acceptance="relaxed" if answer.relaxed else UNSET,
            rung=reached,
            latency=waiting.latency(timing),
            budget_ms=waiting.asked.budget_ms,
            degraded=reached is not self._card.rungs[-1],
        )

    def _as_it_is(self, waiting: Waiting[TextJob], detected: Detected | None) -> Translation:
        """A text that is in the wanted language already."""
        answer, timing = Rendered(text=waiting.asked.text), Timing(waiting.read, 0.0)
        translation = self._translation("", waiting, answer, self._card.rungs[-1], timing)
        return replace(translation, detected=detected or UNSET)

    def _count(self, answer: Rendered, rung: Rung) -> None:
        self._counts[f"rung_{answer.rung or rung}"] += 1
        for name in ("drafted", "accepted", "passes", "tokens"):
            self._counts[f"{name}_in_verification"] += getattr(answer, name)

    def _fail(self, waiting: Waiting[TextJob], error: OntimeError) -> Outcome:
        return self._waiting.publish(waiting, _failure(waiting, error))

    def _tell(
        self, job_id: str, waiting: Waiting[TextJob], result: Result, *others: Publication
    ) -> Outcome:
        """The one answer to a request."""
        self._waiting.finish(job_id)
        self._kept.pop(job_id, None)
        self._detected.pop(job_id, None)
        return self._waiting.publish(waiting, result, *others)


def _failure(waiting: Waiting[TextJob], error: OntimeError) -> Failure:
    return Failure(id=waiting.asked.id, code=error.code, message=str(error))


def _climbing(job: Job, done: Rung, better: tuple[Rung, ...]) -> Job:
    return Job(
        id=job.id,
        channel=job.channel,
        deadline=job.deadline,
        length=job.length,
        rungs=better,
        done=done,
    )


def _due_earlier(job: Job, seconds: float) -> Job:
    return Job(
        id=job.id,
        channel=job.channel,
        deadline=job.deadline - seconds,
        length=job.length,
        rungs=job.rungs,
    )
