"""The gate's promise as a law: one verdict each, by the deadline, whatever the workers do."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.core.effects import Announce, Await, Effect, Judge, Tell
from stream.core.errors import Refused
from stream.core.messages import Action, Post, Retract, Review, Rung, Verdict
from stream.core.policies import Fallback, PolicyChange
from stream.core.posts import GateLimits, Posts
from stream.core.records import PostJob, Settings
from stream.core.requests import Gate
from stream.core.settings import ChannelSettings

ME, OTHER = "me", "other"


def make_posts(fallback: Fallback = "hold", **limits: Any) -> Posts:
    settings = ChannelSettings()
    settings.put(Settings(channel="demo", policy=PolicyChange(late=fallback)))
    return Posts("gw", settings, GateLimits(**limits))


def gate(id: str = "1", text: str = "hi", **fields: Any) -> Gate:  # noqa: A002
    return Gate(id=id, channel="demo", text=text, **fields)


def job_in(effects: Iterable[Effect]) -> PostJob:
    (job,) = (effect.job for effect in effects if isinstance(effect, Judge))
    return job


def told(effects: Iterable[Effect]) -> list[Verdict]:
    return [
        effect.message
        for effect in effects
        if isinstance(effect, Tell) and isinstance(effect.message, Verdict)
    ]


def events(effects: Iterable[Effect]) -> list[object]:
    return [effect.event for effect in effects if isinstance(effect, Announce)]


def verdict(job: PostJob, action: Action = Action.ALLOW, **fields: Any) -> Verdict:
    return Verdict(id=job.id, channel=job.channel, action=action, rung=Rung.VERIFIED, **fields)


def test_a_post_is_asked_once_and_answered_once() -> None:
    posts = make_posts()
    job = job_in(posts.ask(gate(author="ann", budget_ms=200), ME, 10.0))
    assert (job.text, job.author, job.gateway, job.arrived) == ("hi", "ann", "gw", 10.0)
    (answer,) = told(posts.answer(verdict(job, labels={"toxic": 0.1}), 10.05))
    assert answer.id == "1"
    assert answer.labels == {"toxic": 0.1}
    assert answer.latency.total_ms == 50.0
    assert not answer.late
    assert not answer.degraded
    assert posts.answer(verdict(job, Action.BLOCK), 10.06) == []
    assert posts.expire(20.0) == []


@pytest.mark.parametrize(
    ("fallback", "action"),
    [("hold", Action.REVIEW), ("block", Action.BLOCK), ("allow", Action.ALLOW)],
)
def test_silence_is_answered_by_the_policy(fallback: Fallback, action: Action) -> None:
    posts = make_posts(fallback)
    posts.ask(gate(budget_ms=100), ME, 0.0)
    due = posts.next_due()
    assert due == pytest.approx(0.075)
    assert posts.expire(0.074) == []
    (answer,) = told(posts.expire(0.075))
    assert answer.action is action
    assert answer.degraded
    assert answer.rung is Rung.REPEAT
    assert not answer.late
    assert answer.reasons == (f"no answer in time, policy {fallback}",)
    assert posts.next_due() is None


def test_the_guard_leaves_most_of_a_short_budget() -> None:
    posts = make_posts()
    posts.ask(gate(budget_ms=10), ME, 0.0)
    assert posts.next_due() == pytest.approx(0.0075)


def test_what_was_read_too_late_is_answered_at_once_and_costs_the_workers_nothing() -> None:
    posts = make_posts()
    effects = posts.ask(gate(budget_ms=100), ME, 5.0, 4.94)
    (answer,) = told(effects)
    assert not any(isinstance(effect, Judge) for effect in effects)
    assert (answer.action, answer.degraded) == (Action.REVIEW, True)
    assert answer.reasons == ("the gate is behind, policy hold",)
    assert answer.latency.total_ms == pytest.approx(60)
    assert posts.next_due() is None
    assert posts.statistics()["behind"] == 1


def test_the_budget_counts_from_the_arrival() -> None:
    posts = make_posts()
    job = job_in(posts.ask(gate(budget_ms=100), ME, 5.0, 4.96))
    assert job.arrived == 4.96
    assert posts.next_due() == pytest.approx(4.96 + 0.075)


def test_a_timer_that_rings_too_late_says_so() -> None:
    posts = make_posts()
    posts.ask(gate(budget_ms=100), ME, 0.0)
    (answer,) = told(posts.expire(0.2))
    assert answer.late


def test_an_allowed_post_is_published_where_that_was_asked() -> None:
    posts = make_posts()
    job = job_in(posts.ask(gate(author="ann", publish=True), ME, 0.0))
    assert events(posts.answer(verdict(job), 0.01)) == [
        Post(channel="demo", post=job.post, author="ann", text="hi")
    ]
    job = job_in(posts.ask(gate(), ME, 0.0))
    assert events(posts.answer(verdict(job), 0.01)) == []


def test_a_held_post_goes_to_the_moderators_and_its_asker_waits_on() -> None:
    posts = make_posts()
    job = job_in(posts.ask(gate(post="p", publish=True), ME, 0.0))
    effects = posts.answer(verdict(job, Action.REVIEW, reasons=("why",)), 0.01)
    assert Await(ME, "demo", "p", "1") in effects
    (event,) = events(effects)
    assert isinstance(event, Review)
    assert (event.post, event.text, event.reasons) == ("p", "hi", ("why",))


def test_a_repeat_gets_the_same_verdict_and_no_second_event() -> None:
    posts = make_posts()
    job = job_in(posts.ask(gate(post="p", publish=True), ME, 0.0))
    assert posts.ask(gate(id="2", post="p", publish=True), OTHER, 0.01) == []
    first = posts.answer(verdict(job), 0.02)
    assert [each.id for each in told(first)] == ["1", "2"]
    assert len(events(first)) == 1
    again = posts.ask(gate(id="3", post="p", publish=True), ME, 9.0)
    assert [each.action for each in told(again)] == [Action.ALLOW]
    assert events(again) == []


def test_a_repeat_with_less_time_brings_the_deadline_forward() -> None:
    posts = make_posts()
    posts.ask(gate(post="p", budget_ms=1_000), ME, 0.0)
    posts.ask(gate(id="2", post="p", budget_ms=100), OTHER, 0.0)
    assert [each.id for each in told(posts.expire(0.1))] == ["1", "2"]


def test_the_same_post_with_another_text_is_refused() -> None:
    posts = make_posts()
    posts.ask(gate(post="p"), ME, 0.0)
    with pytest.raises(Refused, match="post p has another text"):
        posts.ask(gate(id="2", text="bye", post="p"), ME, 0.0)
    job_in(posts.ask(Gate(id="3", channel="other", text="bye", post="p"), ME, 0.0))


def test_a_late_block_takes_back_what_a_fallback_let_through() -> None:
    posts = make_posts("allow")
    job = job_in(posts.ask(gate(post="p", publish=True), ME, 0.0))
    posts.expire(1.0)
    effects = posts.answer(verdict(job, Action.BLOCK), 2.0)
    assert events(effects) == [Retract(channel="demo", post="p", reason="blocked after all")]
    assert told(effects) == []
    assert posts.answer(verdict(job, Action.BLOCK), 3.0) == []
    (again,) = told(posts.ask(gate(id="2", post="p", publish=True), ME, 4.0))
    assert again.action is Action.BLOCK


def test_a_late_block_of_what_nobody_saw_changes_nothing() -> None:
    posts = make_posts("allow")
    job = job_in(posts.ask(gate(publish=False), ME, 0.0))
    posts.expire(1.0)
    assert posts.answer(verdict(job, Action.BLOCK), 2.0) == []


def test_a_full_gate_answers_at_once() -> None:
    posts = make_posts("block", pending=1)
    posts.ask(gate(), ME, 0.0)
    effects = posts.ask(gate(id="2"), ME, 0.0)
    (answer,) = told(effects)
    assert answer.action is Action.BLOCK
    assert answer.degraded
    assert answer.reasons == ("the gate is full, policy block",)


def test_the_memory_of_settled_posts_is_bounded() -> None:
    posts = make_posts(settled=2)
    for number in range(5):
        job = job_in(posts.ask(gate(post=f"p{number}"), ME, 0.0))
        posts.answer(verdict(job), 0.0)
    assert posts.statistics()["settled"] == 2
    assert told(posts.ask(gate(post="p4"), ME, 1.0))
    job_in(posts.ask(gate(post="p0"), ME, 1.0))


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.sampled_from(["", "p", "q"]), st.integers(10, 400)),
        st.tuples(st.just("answer"), st.integers(0, 12), st.sampled_from(list(Action))),
        st.tuples(st.just("wait"), st.integers(0, 150), st.just(0)),
    ),
    max_size=40,
)


@given(STEPS, st.sampled_from(["hold", "block", "allow"]), st.integers(1, 5))
def test_every_request_gets_exactly_one_verdict_by_its_deadline(
    steps: list[tuple[str, Any, Any]], fallback: Fallback, pending: int
) -> None:
    posts, now = make_posts(fallback, pending=pending), 0.0
    deadlines: dict[str, float] = {}
    answered: Counter[str] = Counter()
    published: Counter[str] = Counter()
    jobs: list[PostJob] = []

    def observe(effects: list[Effect]) -> None:
        jobs.extend(effect.job for effect in effects if isinstance(effect, Judge))
        for answer in told(effects):
            answered[answer.id] += 1
            assert now <= deadlines[answer.id]
            assert not answer.late
        published.update(e.post for e in events(effects) if isinstance(e, Post | Review))

    for kind, first, second in steps:
        if kind == "ask":
            asked = str(len(deadlines))
            deadlines[asked] = now + second / 1000
            observe(
                posts.ask(gate(asked, post=first or None, publish=True, budget_ms=second), ME, now)
            )
        elif kind == "answer" and first < len(jobs):
            observe(posts.answer(verdict(jobs[first], second), now))
        elif kind == "wait":
            end = now + first / 1000
            while (due := posts.next_due()) is not None and due <= end:
                now = max(now, due)
                observe(posts.expire(now))
            now = end
    while (due := posts.next_due()) is not None:
        now = max(now, due)
        observe(posts.expire(now))
    assert answered == Counter(deadlines.keys())
    assert all(count == 1 for count in published.values())
