from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.core.cursor import Offsets
from stream.core.hub import Filter, Hub, Subscription
from stream.core.messages import Action, Fact, Gap, Retract, Rung, Stale, Verdict
from stream.core.requests import KINDS, Kind, Subscribe
from tests.support.facts import CHANNEL, caption, decision, post, retract, review, translation

GAP = Gap(channel=CHANNEL, start=0, end=1, reason="lag")
STALE = Stale(channel=CHANNEL, since_ms=1)
NOWHERE = Offsets()
RETRACTED_POST = Retract(channel=CHANNEL, post="p", reason="withdrawn")


def wanted(*kinds: Kind, moderator: bool = False, partials: bool = True) -> Filter:
    request = Subscribe(channel=CHANNEL, kinds=kinds, partials=partials)
    return Filter.of(request, moderator)


def listen(hub: Hub[str], peer: str, *kinds: Kind, start: Offsets = NOWHERE) -> None:
    hub.join(CHANNEL, Subscription(peer, wanted(*kinds or KINDS), start))


def reached(hub: Hub[str], message: Fact | Stale) -> set[str]:
    return {peer for group in hub.route(message) for peer in group.peers}


@pytest.mark.parametrize(
    ("kind", "messages"),
    [
        ("captions", [caption(), caption(final=True), retract(), GAP, STALE]),
        ("translations", [translation(), translation(final=True), retract(), STALE]),
        ("posts", [post(), RETRACTED_POST]),
        ("reviews", [review(), decision(), RETRACTED_POST]),
    ],
)
def test_a_kind_brings_its_messages_and_no_others(kind: Kind, messages: list[Fact]) -> None:
    everything: list[Fact | Stale] = [caption(), caption(final=True)]
    everything += [translation(), translation(final=True)]
    everything += [retract(), RETRACTED_POST, GAP, STALE, post(), review(), decision()]
    asked = wanted(kind, moderator=True)
    assert [each for each in everything if asked.admits(each)] == [
        each for each in everything if each in messages
    ]


def test_only_moderators_get_reviews_and_decisions() -> None:
    for message in (review(), decision("p", Action.BLOCK)):
        assert not wanted(*KINDS).admits(message)
        assert wanted(*KINDS, moderator=True).admits(message)


def test_partials_can_be_left_out() -> None:
    finals = wanted(*KINDS, partials=False)
    assert not finals.admits(caption())
    assert not finals.admits(translation())
    assert finals.admits(caption(final=True))


def test_languages_are_those_of_translations() -> None:
    german = Filter.of(Subscribe(channel=CHANNEL, languages=("de",)), moderator=False)
    assert german.admits(translation(language="de"))
    assert not german.admits(translation(language="fr"))
    assert german.admits(caption())


def test_a_verdict_is_nobody_elses_business() -> None:
    verdict = Verdict(id="1", channel=CHANNEL, action=Action.ALLOW, rung=Rung.DRAFT)
    assert not wanted(*KINDS, moderator=True).admits(verdict)


def test_what_is_wanted_says_which_logs_must_be_complete() -> None:
    assert wanted("captions").places() == {0, 2}
    assert wanted("translations").places() == {1, 2}
    assert wanted("posts").places() == {2}


def test_a_second_subscription_of_a_peer_takes_the_place_of_the_first() -> None:
    hub: Hub[str] = Hub()
    listen(hub, "a", "captions")
    listen(hub, "a", "posts")
    assert reached(hub, caption()) == set()
    assert reached(hub, post()) == {"a"}
    assert hub.listeners(CHANNEL) == 1


def test_peers_may_leave_while_a_message_is_routed() -> None:
    hub: Hub[str] = Hub()
    listen(hub, "a", "captions")
    listen(hub, "b", "captions", "posts")
    for group in hub.route(caption()):
        for peer in group.peers:
            hub.forget(peer)
    assert hub.channels() == []


def test_the_furthest_start_bounds_all_of_a_channel() -> None:
    hub: Hub[str] = Hub()
    assert hub.furthest(CHANNEL) == Offsets()
    listen(hub, "a", start=Offsets(5, 0, 0))
    listen(hub, "b", start=Offsets(0, 7, 0))
    assert hub.furthest(CHANNEL) == Offsets(5, 7, 0)
    hub.forget("a")
    hub.forget("b")
    assert hub.furthest(CHANNEL) == Offsets()


STEPS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from([*KINDS, "leave", "forget"])), max_size=30
)


@given(STEPS)
def test_whoever_joined_last_and_has_not_left_is_reached(steps: list[tuple[str, str]]) -> None:
    hub: Hub[str] = Hub()
    expected: dict[str, str] = {}
    for peer, step in steps:
        if step == "leave":
            assert hub.leave(CHANNEL, peer) == (peer in expected)
        elif step == "forget":
            hub.forget(peer)
        else:
            listen(hub, peer, step)  # type: ignore[arg-type]
        expected.pop(peer, None)
        if step in KINDS:
            expected[peer] = step
    assert reached(hub, caption()) == {peer for peer, kind in expected.items() if kind == KINDS[0]}
    assert reached(hub, post()) == {peer for peer, kind in expected.items() if kind == "posts"}
    assert hub.statistics()["subscriptions"] == len(expected) == hub.statistics()["peers"]
    assert {each.peer for each in hub.subscriptions(CHANNEL)} == set(expected)
