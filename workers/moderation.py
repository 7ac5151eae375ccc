"""Moderation's ladder: posts in, verdicts out."""

from __future__ import annotations

from msgspec.structs import replace

from stream.core import wire
from stream.core.messages import Latency, Rung, Verdict
from stream.core.records import PostJob, Record, Topic
from stream.core.requests import Policy
from workers.core.jobs import Job
from workers.core.policy import fall_back, judge
from workers.ports import Answer, Card, Judge, Scored
from workers.requests import NOTHING, Requests, TextRole, Waiting
from workers.role import Catalogue, Outcome, Timing


class Moderation(TextRole[PostJob]):
    """Judges posts by the engine's scores and the channel's policy."""

    name = "moderation"
    inputs: tuple[Topic, ...] = (Topic.POSTS,)

    def __init__(self, card: Card, owner: str) -> None:
        self.owner = owner
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
        policy = self.catalogue.of(asked.channel).policy
        degraded = rung is not self._card.rungs[-1]
        latency = waiting.latency(timing)
        verdict = make_verdict(asked.id, answer, policy, rung, latency)
        verdict = replace(verdict, channel=asked.channel, degraded=degraded)
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
        policy = self.catalogue.of(asked.channel).policy
        queued_ms = round((now - waiting.read) * 1000, 3)
        latency = Latency(ingress_ms=waiting.ingress_ms, queue_ms=queued_ms)
        return replace(degraded_verdict(asked.id, policy, latency), channel=asked.channel)


def make_verdict(
    id: str,  # noqa: A002
    scored: Scored,
    policy: Policy,
    rung: Rung,
    latency: Latency,
) -> Verdict:
    """What the policy makes of an engine's scores."""
    judgement = judge(scored.labels, policy)
    return Verdict(
        id=id,
        channel="",
        action=judgement.action,
        labels=scored.labels,
        reasons=judgement.reasons + scored.reasons,
        rung=rung,
        latency=latency,
    )


def degraded_verdict(id: str, policy: Policy, latency: Latency) -> Verdict:  # noqa: A002
    """What stands in for a verdict that did not come in time."""
    judgement = fall_back(policy)
    return Verdict(
        id=id,
        channel="",
        action=judgement.action,
        reasons=judgement.reasons,
        rung=Rung.REPEAT,
        latency=latency,
        degraded=True,
    )
