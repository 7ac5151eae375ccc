"""What reaches an engine's process, in whatever pieces it comes."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator

import pytest

from stream.core.errors import EngineLost
from stream.core.messages import Rung
from workers.engines.codec import Forget, Hurry, Run, encode_frame
from workers.engines.inbox import LOOK_EVERY_S, WAITING, Inbox
from workers.ports import Judge


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, Inbox]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, Inbox(theirs, itertools.count().__next__)


def run(number: int) -> Run:
    return Run(number, Rung.DRAFT, (Judge(text="x"),))


def send(parent: socket.socket, *requests: Run | Forget | Hurry) -> None:
    parent.sendall(b"".join(encode_frame(each) for each in requests))


def test_requests_come_in_their_order_also_when_they_are_looked_at_in_passing(
    pair: tuple[socket.socket, Inbox],
) -> None:
    parent, inbox = pair
    send(parent, run(1), Forget("a"))
    assert inbox.next() == run(1)
    assert not inbox.hurried()
    send(parent, run(2), Forget("b"), Hurry(1))
    assert inbox.hurried()
    assert [inbox.next() for _ in range(3)] == [Forget("a"), run(2), Forget("b")]
    assert not inbox.hurried(), "the hurry was for the run before"


def test_a_hurry_that_comes_late_or_early_is_for_its_own_run(
    pair: tuple[socket.socket, Inbox],
) -> None:
    parent, inbox = pair
    send(parent, run(1), Hurry(1))
    assert inbox.next() == run(1)
    assert inbox.hurried()
    assert inbox.hurried()
    send(parent, Hurry(1), run(2), Hurry(1))
    assert inbox.next() == run(2)
    assert not inbox.hurried()


def test_a_frame_may_come_byte_by_byte(pair: tuple[socket.socket, Inbox]) -> None:
    parent, inbox = pair
    send(parent, run(1))
    assert inbox.next() == run(1)
    for byte in bytes(encode_frame(Hurry(1))):
        assert not inbox.hurried()
        parent.sendall(bytes([byte]))
    assert inbox.hurried()


def test_what_waits_behind_a_run_is_bounded_and_none_of_it_is_lost(
    pair: tuple[socket.socket, Inbox],
) -> None:
    parent, inbox = pair
    send(parent, run(1))
    assert inbox.next() == run(1)
    names = [str(number) for number in range(WAITING + 20)]
    for name in names:
        send(parent, Forget(name))
        inbox.hurried()
    send(parent, Hurry(1))
    assert not inbox.hurried()
    assert len(inbox._waiting) == WAITING
    assert [inbox.next() for _ in names] == [Forget(name) for name in names]


def test_it_does_not_look_at_every_question() -> None:
    now = 0.0
    ours, theirs = socket.socketpair()
    with ours, theirs:
        inbox = Inbox(theirs, lambda: now)
        send(ours, run(1))
        assert inbox.next() == run(1)
        assert not inbox.hurried()
        send(ours, Hurry(1))
        assert not inbox.hurried()
        now = LOOK_EVERY_S
        assert inbox.hurried()


def test_a_parent_that_is_gone_wants_everything_to_end(pair: tuple[socket.socket, Inbox]) -> None:
    parent, inbox = pair
    send(parent, run(1))
    assert inbox.next() == run(1)
    parent.close()
    assert inbox.hurried()
    assert inbox.next() is None


def test_what_is_no_request_is_refused(pair: tuple[socket.socket, Inbox]) -> None:
    parent, inbox = pair
    parent.sendall(b"\x00\x00\x00\x01\xff")
    with pytest.raises(EngineLost, match="cannot be read"):
        inbox.next()
