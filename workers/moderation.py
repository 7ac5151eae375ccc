"""Moderation's ladder: posts in, verdicts out."""

from __future__ import annotations

from stream.core import wire
from stream.core.messages import Latency, Rung, Verdict
from stream.core.records import PostJob, Record, Topic
from workers.core.jobs import Job
from workers.core.policy import fall_back, judge
from workers.ports import Answer, Card, Judge, Scored
from workers.requests import NOTHING, Requests, TextRole, Waiting
from workers.role import Catalogue, Outcome, Timing


class Moderation(TextRole[PostJob]):
    """Judges posts by the engine's scores and the channel's policy."""

    name = "moderation"
    inputs = (Topic.POSTS,)

    def __init__(self, card: Card, owner: str) -> None:
        self.catalogue = Catalogue()
        self._card = card
        self._waiting = Requests(Topic.VERDICTS, card.rungs, owner)

    def receive(self, record: Record, now: float) -> Outcome:
        return Outcome(jobs=(self._waiting.admit(wire.decode_post(record), record, now),))

    def ask(self, job: Job, now: float) -> Judge | None:
        waiting = self._waiting.get(job.id)
        if waiting is None:
            return None
        words = self.catalogue.of(waiting.asked.channel).policy.words
        return Judge(text=waiting.asked.text, words=words)

    def answer(self, job: Job, answer: Answer, rung: Rung, timing: Timing) -> Outcome:
        assert isinstance(answer, Scored)
        waiting = self._waiting.finish(job.id)
        if waiting is None:
            return NOTHING
        asked = waiting.asked
        judgement = judge(answer.labels, self.catalogue.of(asked.channel).policy)
        verdict = Verdict(
            id=asked.id,
            channel=asked.channel,
            action=judgement.action,
            labels=answer.labels,
            reasons=judgement.reasons + answer.reasons,
            rung=rung,
            latency=waiting.latency(timing),
            degraded=rung is not self._card.rungs[-1],
        )
        return self._waiting.publish(waiting, verdict)

    def expire(self, job: Job, now: float) -> Outcome:
        waiting = self._waiting.finish(job.id)
        if waiting is None:
            return NOTHING
        return self._waiting.publish(waiting, self._degraded(waiting, now))

    def abandon(self, job: Job, error: Exception, now: float) -> Outcome:
        waiting = self._waiting.finish(job.id)
        if waiting is None:
            return NOTHING
        verdict = self._degraded(waiting, now)
        return self._waiting.publish(waiting, verdict, waiting.dead_letter(error))

    def _degraded(self, waiting: Waiting[PostJob], now: float) -> Verdict:
        asked = waiting.asked
        judgement = fall_back(self.catalogue.of(asked.channel).policy)
        queued_ms = round((now - waiting.read) * 1000, 3)
        return Verdict(
            id=asked.id,
            channel=asked.channel,
            action=judgement.action,
            reasons=judgement.reasons,
            rung=Rung.REPEAT,
            latency=Latency(ingress_ms=waiting.ingress_ms, queue_ms=queued_ms),
            degraded=True,
        )
