from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.core import wire
from stream.core.errors import CloseCode, TooSlow
from stream.core.messages import Gap, Message, Pong, Stale
from stream.core.outbox import Item, Outbox, OutboxLimits, item_of
from tests.support.facts import CHANNEL, caption, post, translation

EVERYTHING = 1 << 30


def put(outbox: Outbox, *messages: Message, now: float = 0.0) -> None:
    for message in messages:
        outbox.put(item_of(message, wire.encode_message(message) + b"\n"), now)


def take(outbox: Outbox, limit_bytes: int = EVERYTHING) -> list[Message]:
    return [wire.decode_message(line) for line in outbox.take(limit_bytes).splitlines()]


def test_what_is_put_comes_out_in_order_and_once() -> None:
    outbox = Outbox()
    put(outbox, post("a"), caption("s", final=True), post("b"))
    assert take(outbox) == [post("a"), caption("s", final=True), post("b")]
    assert take(outbox) == []
    assert len(outbox) == outbox.kept_bytes == outbox.loose_bytes == 0


def test_a_newer_partial_takes_the_place_of_the_waiting_one() -> None:
    outbox = Outbox()
    put(outbox, caption("s", 1), post("a"), caption("s", 2), caption("t", 1))
    assert take(outbox) == [caption("s", 2), post("a"), caption("t", 1)]
    assert outbox.replaced == 1


def test_partials_of_two_languages_do_not_replace_each_other() -> None:
    outbox = Outbox()
    both = [translation("s", 1, "de"), translation("s", 1, "fr")]
    put(outbox, *both)
    assert take(outbox) == both


def test_a_final_ends_the_partial_of_its_segment_and_waits_its_turn() -> None:
    outbox = Outbox()
    put(outbox, caption("s", 1), post("a"), caption("s", 2, final=True))
    assert take(outbox) == [post("a"), caption("s", 2, final=True)]


def test_take_stops_at_its_limit_but_gives_at_least_one() -> None:
    outbox = Outbox()
    put(outbox, post("a"), post("b"), post("c"))
    assert take(outbox, 1) == [post("a")]
    assert len(outbox) == 2
    assert take(outbox) == [post("b"), post("c")]


def test_what_must_arrive_is_bounded_in_bytes() -> None:
    outbox = Outbox(OutboxLimits(limit_bytes=10))
    outbox.put(Item(b"12345"), 0.0)
    assert outbox.has_room(5)
    assert not outbox.has_room(6)
    with pytest.raises(TooSlow, match="11 bytes are waiting, expected at most 10 bytes") as found:
        outbox.put(Item(b"123456"), 0.0)
    assert found.value.close is CloseCode.TOO_SLOW


def test_what_must_arrive_is_bounded_in_age() -> None:
    outbox = Outbox(OutboxLimits(age_s=5))
    put(outbox, post("a"), now=0.0)
    put(outbox, post("b"), now=4.0)
    outbox.check(5.0)
    with pytest.raises(TooSlow, match="oldest message has waited 6 s"):
        outbox.check(6.0)
    take(outbox, 1)
    outbox.check(6.0)


def test_age_counts_for_what_must_arrive_only() -> None:
    outbox = Outbox(OutboxLimits(age_s=5))
    put(outbox, caption("s", 1))
    outbox.check(1000.0)


def test_over_their_bound_the_oldest_of_the_loose_go() -> None:
    outbox = Outbox(OutboxLimits(loose=2))
    put(outbox, Pong(id="1"), post("a"), Pong(id="2"), Pong(id="3"))
    assert take(outbox) == [post("a"), Pong(id="2"), Pong(id="3")]
    assert outbox.dropped == 1


def test_a_newer_staleness_replaces_the_waiting_one_and_gaps_do_not() -> None:
    outbox = Outbox()
    over = Stale(channel=CHANNEL, since_ms=2, over=True)
    gaps = [Gap(channel=CHANNEL, start=start, end=9.0, reason="lag") for start in (1.0, 2.0)]
    put(outbox, Stale(channel=CHANNEL, since_ms=1), *gaps, over)
    assert take(outbox) == [over, *gaps]


def test_leaving_a_channel_drops_what_is_loose_of_it() -> None:
    outbox = Outbox()
    put(outbox, caption("s", 1), post("a"), Pong(id="1"))
    outbox.leave(CHANNEL)
    assert take(outbox) == [post("a"), Pong(id="1")]


class Put(NamedTuple):
    """A revision of one of a few keys, or (None) something that must arrive."""

    key: int | None
    final: bool


def key_of(step: Put) -> tuple[Hashable, ...] | None:
    return None if step.key is None else ("key", step.key)


PUTS = st.builds(Put, st.none() | st.integers(0, 3), st.booleans())
STEPS = st.lists(PUTS | st.integers(1, 40), max_size=60)


@given(STEPS)
def test_nothing_kept_is_lost_or_reordered_and_no_partial_goes_back(steps: list[Put | int]) -> None:
    outbox, out = Outbox(OutboxLimits(loose=3)), b""
    kept: list[bytes] = []
    newest: dict[Hashable, int] = {}
    for number, step in enumerate(steps):
        if isinstance(step, int):
            out += outbox.take(step)
            continue
        is_kept = step.key is None or step.final
        frame = f"{number}:{step.key}:{'K' if is_kept else 'P'};".encode()
        outbox.put(Item(frame, is_kept, key_of(step)), 0.0)
        kept += [frame] if is_kept else []
    frames = (out + outbox.take(EVERYTHING)).split(b";")[:-1]
    assert [frame + b";" for frame in frames if frame.endswith(b"K")] == kept
    for frame in frames:
        at, key, _ = frame.decode().split(":")
        if key != "None":
            assert int(at) > newest.get(key, -1)
            newest[key] = int(at)
    assert len(outbox) == outbox.kept_bytes == outbox.loose_bytes == 0


@given(STEPS)
def test_an_outbox_stays_within_its_bounds(steps: list[Put | int]) -> None:
    limits = OutboxLimits(limit_bytes=60, loose=2, loose_bytes=30)
    outbox = Outbox(limits)
    for step in steps:
        if isinstance(step, int):
            outbox.take(step)
            continue
        item = Item(b"x" * 11, step.key is None, key_of(step))
        try:
            outbox.put(item, 0.0)
        except TooSlow:
            assert outbox.kept_bytes > limits.limit_bytes
            return
        assert outbox.kept_bytes <= limits.limit_bytes
        assert outbox.loose_bytes <= limits.loose_bytes
