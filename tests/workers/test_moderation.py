"""Moderation's role: posts in, verdicts out; and posts that no gateway waits for."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
import pytest
from msgspec.structs import replace

from stream.core import wire
from stream.core.errors import Malformed
from stream.core.messages import Action, Review, Rung, Verdict
from stream.core.policies import PolicyChange, WordList
from stream.core.records import Log, PostJob, Record, Settings, Topic
from stream.core.requests import GATE_BUDGET_MS
from workers.core.jobs import Job
from workers.moderation import Moderation
from workers.ports import Card, Judge, Scored
from workers.role import Outcome, Publication, Timing

RUNGS = (Rung.DRAFT, Rung.VERIFIED)
CARD = Card(name="test", task="moderation", rungs=RUNGS)
LOG = Log(Topic.POSTS, 0)


class Desk:
    """A role that is asked by hand."""

    def __init__(self, policy: PolicyChange = PolicyChange()) -> None:  # noqa: B008
        self.role = Moderation(CARD, "me")
        self.role.catalogue.put(Settings(channel="c", policy=policy))
        self._offset = 0

    def post(self, text: str, **fields: object) -> Job:
        value = orjson.dumps({"id": "1", "channel": "c", "text": text, **fields})
        self._offset += 1
        record = Record(LOG, self._offset, "c", value, {}, 100.0)
        (job,) = self.role.receive(record, 100.0).jobs
        return job

    def asked(self, job: Job) -> Judge:
        question = self.role.ask(job, 100.0)
        assert question is not None
        return question

    def answer(self, job: Job, scored: Scored, rung: Rung = Rung.VERIFIED) -> Outcome:
        return self.role.answer(job, scored, rung, Timing(100.0, 0.01))


def results(publications: Sequence[Publication]) -> dict[Topic, object]:
    return {
        each.topic: wire.decode_result(Record(LOG, 0, each.key, *each.payload, 0.0))[0]
        for each in publications
        if each.topic is not Topic.DEAD_LETTERS
    }


def verdict_of(outcome: Outcome) -> Verdict:
    verdict = results(outcome.publications)[Topic.VERDICTS]
    assert isinstance(verdict, Verdict)
    return verdict


def test_a_producer_needs_to_say_little() -> None:
    desk = Desk()
    job = desk.post("hello")
    assert job.deadline == 100.0 + GATE_BUDGET_MS / 1000
    outcome = desk.answer(job, Scored(labels={"toxic": 0.1}))
    verdict = verdict_of(outcome)
    assert (verdict.id, verdict.channel, verdict.action) == ("1", "c", Action.ALLOW)
    assert [each.topic for each in outcome.publications] == [Topic.VERDICTS]
    assert outcome.closed


@pytest.mark.parametrize("field", [{"text": "x" * 16_001}, {"channel": "a b"}, {"budget_ms": 5}])
def test_what_a_producer_writes_is_held_to_the_protocol(field: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        Desk().post(**({"text": "x"} | field))  # type: ignore[arg-type]


@pytest.mark.parametrize(("score", "action"), [(0.6, Action.REVIEW), (0.95, Action.BLOCK)])
def test_moderators_are_told_what_does_not_pass_and_no_gateway_waits_for(
    score: float, action: Action
) -> None:
    desk = Desk()
    job = desk.post("hm", author="ann", post="p")
    told = results(desk.answer(job, Scored(labels={"hate": score})).publications)
    review = told[Topic.EVENTS]
    assert isinstance(review, Review)
    assert (review.post, review.author, review.text) == ("p", "ann", "hm")
    assert (review.action, review.labels) == (action, {"hate": score})
    waits = desk.post("hm", gateway="g")
    outcome = desk.answer(waits, Scored(labels={"hate": score}))
    assert set(results(outcome.publications)) == {Topic.VERDICTS}


def test_a_verdict_says_why() -> None:
    lists = (WordList(name="pests", words=("frog",), exceptions=("frog prince",)),)
    desk = Desk(PolicyChange(lists=lists))
    job = desk.post("a frog, no frog prince")
    assert desk.asked(job) == Judge(text="a frog, no  ", words=("frog",))
    scored = Scored(
        labels={"words": 1.0, "offensive": 0.66}, reasons=("offensive: listed",), found=("frog",)
    )
    verdict = verdict_of(desk.answer(job, scored))
    assert verdict.action is Action.BLOCK
    assert verdict.reasons == ("list pests has 'frog': block", "offensive: listed")


def test_a_cheaper_rung_is_named_and_judged_by_the_policy() -> None:
    desk = Desk(PolicyChange(degraded="hold"))
    verdict = verdict_of(desk.answer(desk.post("hi"), Scored(labels={"hate": 0.0}), Rung.DRAFT))
    assert (verdict.degraded, verdict.action, verdict.rung) == (True, Action.REVIEW, Rung.DRAFT)


def test_a_draft_that_is_sure_is_as_good_as_the_best_rung() -> None:
    desk = Desk(PolicyChange(degraded="hold"))
    sure = Scored(labels={"hate": 0.0}, rung=Rung.VERIFIED)
    verdict = verdict_of(desk.answer(desk.post("hi"), sure, Rung.DRAFT))
    assert (verdict.degraded, verdict.action, verdict.rung) == (False, Action.ALLOW, Rung.VERIFIED)


def test_a_grave_label_that_only_the_best_rung_scores_waits_for_a_person() -> None:
    desk = Desk()
    draft = Scored(labels={"offensive": 0.0})
    assert verdict_of(desk.answer(desk.post("a"), draft, Rung.DRAFT)).action is Action.ALLOW
    desk.answer(desk.post("b"), Scored(labels={"offensive": 0.0, "threat": 0.0}))
    verdict = verdict_of(desk.answer(desk.post("c"), draft, Rung.DRAFT))
    assert verdict.action is Action.REVIEW
    assert verdict.reasons == ("threat has no score from a cheaper rung, fail-closed",)


def test_silence_is_answered_by_the_policy_and_told_to_moderators() -> None:
    desk = Desk(PolicyChange(late="block"))
    job = desk.post("hi")
    told = results(desk.role.expire(job, 101.0).publications)
    verdict, review = told[Topic.VERDICTS], told[Topic.EVENTS]
    assert isinstance(verdict, Verdict)
    assert isinstance(review, Review)
    assert (verdict.degraded, verdict.rung, verdict.action) == (True, Rung.REPEAT, Action.BLOCK)
    assert review.reasons == ("no answer in time, policy late block",)


def test_a_post_that_is_read_again_is_asked_again_and_answered_once_each() -> None:
    post = PostJob(id="1", channel="c", text="hi", arrived=99.0, budget_ms=100)
    record = Record(LOG, 5, "c", wire.encode_job(replace(post, gateway="g")).value, {}, 100.0)
    role = Moderation(CARD, "me")
    (first,) = role.receive(record, 100.0).jobs
    (again,) = role.receive(record, 100.0).jobs
    assert first.id == again.id
    scored = Scored(labels={})
    assert role.answer(again, scored, Rung.VERIFIED, Timing(100.0, 0.0)).publications
    assert not role.answer(first, scored, Rung.VERIFIED, Timing(100.0, 0.0)).publications
