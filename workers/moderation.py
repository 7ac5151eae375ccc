"""Moderation's ladder: posts in, verdicts out."""

from __future__ import annotations

import dataclasses

from msgspec.structs import replace

from stream.core import wire
from stream.core.messages import Action, Latency, Review, Rung, Verdict
from stream.core.policies import Policy
from stream.core.records import Origin, PostJob, Record, Topic
from workers.core.jobs import Job
from workers.core.policy import Findings, fall_back, judge
from workers.exceptions import Exceptions
from workers.ports import Answer, Card, Judge, Scored
from workers.requests import NOTHING, Requests, TextRole, Waiting
from workers.role import Catalogue, Outcome, Publication, Timing

MOST_REASONS = 12
FIXED_LENGTH = 500
"""Characters whose time is about what any text costs, however short. Times grow in proportion to
lengths where nothing is known: without this, after a few short posts a long one would seem to have
no time left, and be answered by the policy (tests/workers/test_tricks.py).
"""


class Moderation(TextRole[PostJob]):
    """Judges posts by the engine's scores and the channel's policy.

    A post that no gateway waits for (a producer wrote it to the log itself) gets its verdict in
    the `verdicts` log, and what is not allowed is told to moderators from here.
    """

    name = "moderation"
    inputs: tuple[Topic, ...] = (Topic.POSTS,)

    def __init__(self, card: Card, owner: str) -> None:
        self.owner = owner
        self.catalogue = Catalogue()
        self._card = card
        self._waiting = Requests(Topic.VERDICTS, card.rungs, owner)
        self._exceptions = Exceptions()
        self._scored_at_best: frozenset[str] = frozenset()

    def receive(self, record: Record, now: float) -> Outcome:
        job = self._waiting.admit(wire.decode_post(record), record, now)
        return Outcome(jobs=(dataclasses.replace(job, length=length_of_post(job.length)),))

    def ask(self, job: Job, now: float) -> Judge | None:
        waiting = self._waiting.get(job.id)
        if waiting is None:
            return None
        policy = self.catalogue.of(waiting.asked.channel).policy
        return question(waiting.asked.text, policy, self._exceptions)

    def answer(self, job: Job, answer: Answer, rung: Rung, timing: Timing) -> Outcome:
        assert isinstance(answer, Scored)
        waiting = self._waiting.finish(job.id)
        if waiting is None:
            return NOTHING
        asked, rung = waiting.asked, answer.rung or rung
        degraded = rung is not self._card.rungs[-1]
        if not degraded:
            self._scored_at_best |= answer.labels.keys()
        unscored = self._scored_at_best - answer.labels.keys()
        policy = self.catalogue.of(asked.channel).policy
        findings = Findings(answer.labels, answer.found, degraded, unscored)
        verdict = make_verdict(asked.id, findings, policy, rung, waiting.latency(timing))
        reasons = (verdict.reasons + answer.reasons)[:MOST_REASONS]
        return self._tell(waiting, replace(verdict, channel=asked.channel, reasons=reasons))

    def expire(self, job: Job, now: float) -> Outcome:
        waiting = self._waiting.finish(job.id)
        if waiting is None:
            return NOTHING
        return self._tell(waiting, self._degraded(waiting, now))

    def abandon(self, job: Job, error: Exception, now: float) -> Outcome:
        waiting = self._waiting.finish(job.id)
        if waiting is None:
            return NOTHING
        return self._tell(waiting, self._degraded(waiting, now), waiting.dead_letter(error))

    def _degraded(self, waiting: Waiting[PostJob], now: float) -> Verdict:
        asked = waiting.asked
        policy = self.catalogue.of(asked.channel).policy
        queued_ms = round((now - waiting.read) * 1000, 3)
        latency = Latency(ingress_ms=waiting.ingress_ms, queue_ms=queued_ms)
        return replace(degraded_verdict(asked.id, policy, latency), channel=asked.channel)

    def _tell(self, waiting: Waiting[PostJob], verdict: Verdict, *others: Publication) -> Outcome:
        asked = waiting.asked
        if not asked.gateway and verdict.action is not Action.ALLOW:
            others = (*others, self._review(asked, verdict))
        return self._waiting.publish(waiting, verdict, *others)

    def _review(self, asked: PostJob, verdict: Verdict) -> Publication:
        review = Review(
            channel=asked.channel,
            post=asked.post or asked.id,
            author=asked.author,
            text=asked.text,
            labels=verdict.labels,
            reasons=verdict.reasons,
            action=verdict.action,
        )
        origin = Origin(owner=self.owner, arrived=asked.arrived, budget_ms=asked.budget_ms)
        return Publication(Topic.EVENTS, asked.channel, wire.encode_result(review, origin))


def length_of_post(characters: int) -> int:
    """What a text counts for the schedule."""
    return FIXED_LENGTH + characters


def question(text: str, policy: Policy, exceptions: Exceptions) -> Judge:
    """What an engine is asked: the text without what is never counted, and the policy's lists."""
    return Judge(text=exceptions.take_out(text, policy), words=policy.listed())


def make_verdict(
    id: str,  # noqa: A002
    findings: Findings,
    policy: Policy,
    rung: Rung,
    latency: Latency,
) -> Verdict:
    """What the policy makes of what is known of a text."""
    judgement = judge(findings, policy)
    return Verdict(
        id=id,
        channel="",
        action=judgement.action,
        labels=dict(findings.labels),
        reasons=judgement.reasons,
        rung=rung,
        latency=latency,
        degraded=findings.degraded,
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
