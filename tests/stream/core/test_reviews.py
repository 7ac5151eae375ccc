"""Moderators decide: the first decision in the log counts, for everybody."""

import pytest

from stream.core.effects import Announce, Await, Effect, Tell
from stream.core.errors import Refused
from stream.core.messages import Action, Decision, Error, Post, Retract, Review
from stream.core.requests import Decide
from stream.core.reviews import ReviewLimits, Reviews

ASKER, MODERATOR = "asker", "moderator"


def review(post: str = "p", text: str = "hi") -> Review:
    return Review(channel="demo", post=post, author="ann", text=text)


def decide(post: str = "p", action: str = "allow") -> Decide:
    return Decide(id="d", channel="demo", post=post, action=action)  # type: ignore[arg-type]


def decision_in(effect: Effect) -> Decision:
    assert isinstance(effect, Announce)
    assert isinstance(effect.event, Decision)
    return effect.event


def test_a_decision_goes_through_the_log_and_reaches_all_who_wait() -> None:
    reviews = Reviews("gw")
    reviews.wait(Await(ASKER, "demo", "p", "gate-1"))
    reviews.learn_review(review(), publish=True)
    decision = decision_in(reviews.decide(decide(), "mia", MODERATOR, 1.0))
    assert (decision.action, decision.by) == (Action.ALLOW, "mia")
    effects = reviews.learn_decision(decision, "gw", 2.0)
    answers = {e.asker: e.message for e in effects if isinstance(e, Tell)}
    told, answered = answers[ASKER], answers[MODERATOR]
    assert isinstance(told, Decision)
    assert told.id == "gate-1"
    assert isinstance(answered, Decision)
    assert answered.id == "d"
    posts = [e.event for e in effects if isinstance(e, Announce)]
    assert posts == [Post(channel="demo", post="p", author="ann", text="hi")]


def test_a_blocked_post_is_not_shown_nor_one_that_nobody_wanted_published() -> None:
    for action, publish in (("block", True), ("allow", False)):
        reviews = Reviews("gw")
        reviews.learn_review(review(), publish=publish)
        decision = decision_in(reviews.decide(decide(action=action), "mia", MODERATOR, 1.0))
        effects = reviews.learn_decision(decision, "gw", 2.0)
        assert not [e for e in effects if isinstance(e, Announce)]


def test_only_the_gateway_that_decided_publishes() -> None:
    reviews = Reviews("gw")
    reviews.wait(Await(ASKER, "demo", "p", "1"))
    reviews.learn_review(review(), publish=True)
    decision = Decision(channel="demo", post="p", action=Action.ALLOW, by="mia")
    effects = reviews.learn_decision(decision, "elsewhere", 2.0)
    assert [type(effect) for effect in effects] == [Tell]


def test_the_first_decision_counts() -> None:
    reviews = Reviews("gw")
    reviews.learn_review(review(), publish=True)
    mine = decision_in(reviews.decide(decide(action="allow"), "mia", MODERATOR, 1.0))
    theirs = Decision(channel="demo", post="p", action=Action.BLOCK, by="tom")
    (effect,) = reviews.learn_decision(theirs, "elsewhere", 2.0)
    assert isinstance(effect, Tell)
    assert isinstance(effect.message, Error)
    assert "was decided by tom" in effect.message.message
    assert reviews.learn_decision(mine, "gw", 3.0) == []
    with pytest.raises(Refused, match="decided already"):
        reviews.decide(decide(), "mia", MODERATOR, 4.0)


def test_a_post_that_does_not_wait_cannot_be_decided() -> None:
    with pytest.raises(Refused, match="post p is not in review"):
        Reviews("gw").decide(decide(), "mia", MODERATOR, 0.0)


def test_who_asks_again_after_the_decision_is_told_it() -> None:
    reviews = Reviews("gw")
    reviews.learn_review(review(), publish=False)
    reviews.learn_decision(Decision(channel="demo", post="p", action=Action.BLOCK, by="t"), "", 0.0)
    (effect,) = reviews.wait(Await(ASKER, "demo", "p", "9"))
    assert isinstance(effect, Tell)
    assert isinstance(effect.message, Decision)
    assert effect.message.id == "9"


def test_a_log_that_is_read_again_changes_nothing() -> None:
    reviews = Reviews("gw")
    decision = Decision(channel="demo", post="p", action=Action.ALLOW, by="mia")
    for _ in range(2):
        reviews.learn_review(review(), publish=True)
        reviews.learn_decision(decision, "elsewhere", 0.0)
    assert reviews.statistics()["waiting"] == 0
    assert reviews.statistics()["bytes"] == 0


def test_who_has_left_is_told_nothing() -> None:
    reviews = Reviews("gw")
    reviews.wait(Await(ASKER, "demo", "p", "1"))
    reviews.learn_review(review(), publish=False)
    reviews.forget(ASKER)
    decision = Decision(channel="demo", post="p", action=Action.BLOCK, by="mia")
    assert reviews.learn_decision(decision, "elsewhere", 0.0) == []


def test_the_memory_is_bounded_by_posts_and_by_text() -> None:
    few = Reviews("gw", ReviewLimits(posts=2))
    short = Reviews("gw", ReviewLimits(bytes=10))
    for number in range(4):
        few.learn_review(review(f"p{number}"), publish=True)
        short.learn_review(review(f"p{number}", "12345"), publish=True)
    for reviews in (few, short):
        assert reviews.statistics()["waiting"] == 2
        assert reviews.dropped == 2
        with pytest.raises(Refused):
            reviews.decide(decide("p0"), "mia", MODERATOR, 0.0)
        decision_in(reviews.decide(decide("p3"), "mia", MODERATOR, 0.0))


def blocked(post: str = "p") -> Review:
    return Review(channel="demo", post=post, author="ann", text="hi", action=Action.BLOCK)


def announced(effects: list[Effect]) -> list[object]:
    return [effect.event for effect in effects if isinstance(effect, Announce)]


def test_a_post_that_a_rule_blocked_may_be_allowed() -> None:
    reviews = Reviews("gw")
    reviews.learn_review(blocked(), publish=True)
    assert reviews.knows("demo", "p")
    decision = decision_in(reviews.decide(decide(), "mia", MODERATOR, 1.0))
    effects = reviews.learn_decision(decision, "gw", 2.0)
    assert announced(effects) == [Post(channel="demo", post="p", author="ann", text="hi")]
    assert [type(effect) for effect in effects] == [Tell, Announce]
    assert reviews.statistics()["blocked"] == 0


def test_a_post_that_is_shown_may_be_taken_back_and_nothing_else() -> None:
    reviews = Reviews("gw")
    reviews.learn_post(Post(channel="demo", post="p", author="ann", text="hi"))
    with pytest.raises(Refused, match="post p is shown"):
        reviews.decide(decide(action="allow"), "mia", MODERATOR, 1.0)
    decision = decision_in(reviews.decide(decide(action="block"), "mia", MODERATOR, 1.0))
    effects = reviews.learn_decision(decision, "gw", 2.0)
    told = Retract(channel="demo", post="p", reason="blocked by a moderator")
    assert announced(effects) == [told]
    with pytest.raises(Refused, match="decided already"):
        reviews.decide(decide(action="block"), "tom", MODERATOR, 3.0)


def test_a_block_after_an_allow_takes_back_what_was_shown_once() -> None:
    reviews = Reviews("gw")
    reviews.learn_review(review(), publish=True)
    allow = decision_in(reviews.decide(decide(), "mia", MODERATOR, 1.0))
    reviews.learn_decision(allow, "gw", 2.0)
    block = decision_in(reviews.decide(decide(action="block"), "tom", MODERATOR, 3.0))
    effects = reviews.learn_decision(block, "gw", 4.0)
    assert [type(event) for event in announced(effects)] == [Retract]
    assert reviews.learn_decision(block, "gw", 5.0) == []
    assert reviews.learn_decision(allow, "gw", 5.0) == []


def test_whoever_comes_new_is_told_what_waits_on_the_channel_and_what_was_blocked() -> None:
    reviews = Reviews("gw", ReviewLimits(listed=2))
    for number in range(3):
        reviews.learn_review(review(f"w{number}"), publish=True)
        reviews.learn_review(blocked(f"b{number}"), publish=True)
    reviews.learn_review(Review(channel="other", post="o", author="", text="hi"), publish=True)
    assert [each.post for each in reviews.waiting("demo")] == ["b1", "b2", "w0", "w1"]
    gone = Decision(channel="demo", post="w0", action=Action.BLOCK, by="mia")
    reviews.learn_decision(gone, "elsewhere", 1.0)
    assert [each.post for each in reviews.waiting("demo")] == ["b1", "b2", "w1", "w2"]


def test_a_flood_of_blocked_posts_pushes_out_none_that_waits() -> None:
    reviews = Reviews("gw", ReviewLimits(posts=2, blocked=2, shown=2))
    reviews.learn_review(review("w"), publish=True)
    for number in range(9):
        reviews.learn_review(blocked(f"b{number}"), publish=True)
        reviews.learn_post(Post(channel="demo", post=f"s{number}", author="", text="hi"))
    assert [each.post for each in reviews.waiting("demo")] == ["b7", "b8", "w"]
    assert reviews.statistics()["shown"] == 2
