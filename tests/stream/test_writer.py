from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.core.errors import TooSlow
from stream.core.outbox import Item, OutboxLimits
from stream.ports import Peer
from stream.writer import Writer, WriterLimits
from tests.support.clocks import HandClock
from tests.support.peers import KeptPeer


class Desk:
    """A writer, and whom it has closed."""

    def __init__(self, limits: WriterLimits | None = None) -> None:
        self.clock = HandClock()
        self.closed: list[Peer] = []
        self.writer = Writer(self.clock, self.closed.append, limits)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.writer.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])


async def turns(count: int = 5) -> None:
    """Let everything that can run do so."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_what_is_put_before_a_flush_is_one_write() -> None:
    desk, peer = Desk(), KeptPeer()
    async with desk.running():
        for frame in (b"a", b"b", b"c"):
            desk.writer.put((peer,), Item(frame))
        await turns()
    assert peer.writes == [b"abc"]
    assert desk.writer.statistics()["writes"] == 1
    assert desk.writer.statistics()["deliveries"] == 3


async def test_answers_and_deliveries_keep_one_order() -> None:
    desk, peer = Desk(), KeptPeer()
    desk.writer.put((peer,), Item(b"1"))
    desk.writer.answer(peer, Item(b"2"))
    desk.writer.put((peer,), Item(b"3"))
    desk.writer.answer(peer, Item(b"4"))
    await turns()
    assert peer.writes == [b"1234"]


async def test_while_a_peer_does_not_read_only_the_newest_partial_waits() -> None:
    desk, peer = Desk(), KeptPeer()
    peer.open = False
    async with desk.running():
        for frame in (b"old", b"newer", b"newest"):
            desk.writer.put((peer,), Item(frame, kept=False, key=("k",)))
            await turns()
        desk.writer.put((peer,), Item(b"!"))
        await turns()
        assert peer.writes == []
        assert desk.writer.statistics()["blocked_peers"] == 1
        peer.open = True
        desk.writer.drain(peer)
    assert peer.writes == [b"newest!"]
    assert desk.writer.statistics()["blocked_peers"] == 0


async def test_a_peer_gets_no_more_than_it_takes() -> None:
    class Narrow(KeptPeer):
        def write(self, frames: bytes) -> None:
            super().write(frames)
            self.open = False

    desk, peer = Desk(WriterLimits(write_bytes=2)), Narrow()
    for frame in (b"a", b"b", b"c"):
        desk.writer.answer(peer, Item(frame))
    await turns()
    assert peer.writes == [b"ab"]
    peer.open = True
    desk.writer.drain(peer)
    assert peer.writes == [b"ab", b"c"]


async def test_who_is_over_the_bound_is_closed_and_nobody_else() -> None:
    desk = Desk()
    slow, other = KeptPeer(OutboxLimits(limit_bytes=3)), KeptPeer()
    slow.open = False
    async with desk.running():
        for frame in (b"12", b"34", b"56"):
            desk.writer.put((slow, other), Item(frame))
        await turns()
    assert isinstance(slow.closed, TooSlow)
    assert desk.closed[0] is slow
    assert other.writes == [b"123456"]
    assert len(slow.outbox) <= 1
    assert other.closed is None


async def test_who_lets_something_wait_too_long_is_closed() -> None:
    desk, peer = Desk(), KeptPeer(OutboxLimits(age_s=10))
    peer.open = False
    desk.writer.answer(peer, Item(b"a"))
    await turns()
    desk.clock.time += 10
    desk.writer.check(desk.clock.now())
    assert desk.closed == []
    desk.clock.time += 1
    desk.writer.check(desk.clock.now())
    assert isinstance(peer.closed, TooSlow)
    assert desk.closed == [peer]
    assert desk.writer.statistics()["too_slow"] == 1


async def test_a_peer_that_is_gone_gets_nothing() -> None:
    desk, peer = Desk(), KeptPeer()
    desk.writer.put((peer,), Item(b"a"))
    desk.writer.answer(peer, Item(b"b"))
    desk.writer.forget(peer)
    async with desk.running():
        await turns()
    assert peer.writes == []


@pytest.mark.parametrize("peers", [10, 11])
async def test_others_get_a_turn_between_two_slices(peers: int) -> None:
    happened: list[str] = []

    class Noted(KeptPeer):
        def write(self, frames: bytes) -> None:
            happened.append("write")

    async def note_turns() -> None:
        while True:
            happened.append("turn")
            await asyncio.sleep(0)

    desk = Desk(WriterLimits(slice=3))
    desk.writer.put(tuple(Noted() for _ in range(peers)), Item(b"a"))
    other = asyncio.create_task(note_turns())
    async with desk.running():
        await turns(20)
    other.cancel()
    slices = [part.count("w") for part in "".join(word[0] for word in happened).split("t")]
    assert max(slices) == 3
    assert sum(slices) == peers


async def test_an_answer_amid_a_flush_comes_after_what_the_flush_brings() -> None:
    desk = Desk(WriterLimits(slice=1))
    first, second = KeptPeer(), KeptPeer()
    desk.writer.put((first, second), Item(b"1"))
    async with desk.running():
        while not first.writes:
            await turns(1)
        assert second.writes == []
        desk.writer.answer(second, Item(b"2"))
        await turns()
    assert b"".join(second.writes) == b"12"


async def test_who_leaves_amid_a_flush_is_not_kept() -> None:
    desk = Desk(WriterLimits(slice=1))
    first, second = KeptPeer(), KeptPeer()
    desk.writer.put((first, second), Item(b"1"))
    async with desk.running():
        while not first.writes:
            await turns(1)
        desk.writer.forget(second)
        second.open = False
        await turns()
    assert desk.writer.statistics()["blocked_peers"] == 0


async def test_what_waits_to_be_joined_is_bounded() -> None:
    desk, peers = Desk(WriterLimits(coming=3)), (KeptPeer(), KeptPeer())
    desk.writer.put(peers, Item(b"1"))
    assert len(peers[0].outbox) == 0
    desk.writer.put(peers, Item(b"2"))
    assert len(peers[0].outbox) == 2
    async with desk.running():
        await turns()
    assert peers[1].writes == [b"12"]


class Deliver(NamedTuple):
    """To those of three peers; with a key, a partial."""

    peers: frozenset[int]
    key: int | None


class Answer(NamedTuple):
    peer: int


class Switch(NamedTuple):
    """A peer's network is full, or takes everything again."""

    peer: int


PEERS = range(3)
STEPS = st.lists(
    st.one_of(
        st.builds(Deliver, st.frozensets(st.sampled_from(PEERS)), st.none() | st.integers(0, 1)),
        st.builds(Deliver, st.just(frozenset(PEERS)), st.none() | st.integers(0, 1)),
        st.builds(Answer, st.sampled_from(PEERS)),
        st.builds(Switch, st.sampled_from(PEERS)),
        st.integers(1, 4),
    ),
    max_size=40,
)


@given(STEPS)
def test_each_peer_gets_what_must_arrive_in_order(
    steps: list[Deliver | Answer | Switch | int],
) -> None:
    asyncio.run(play(steps))


async def play(steps: list[Deliver | Answer | Switch | int]) -> None:
    desk, peers = Desk(WriterLimits(slice=1, cork_s=0, coming=8)), [KeptPeer() for _ in PEERS]
    audiences: dict[frozenset[int], tuple[Peer, ...]] = {}
    expected: list[list[str]] = [[] for _ in PEERS]
    async with desk.running():
        for number, step in enumerate(steps):
            match step:
                case int(count):
                    await turns(count)
                case Switch(place):
                    peers[place].open = not peers[place].open
                    desk.writer.drain(peers[place])
                case Answer(place):
                    desk.writer.answer(peers[place], Item(f"{number}:kept;".encode()))
                    expected[place].append(f"{number}:kept")
                case Deliver(chosen, key):
                    audience = audiences.setdefault(chosen, tuple(peers[each] for each in chosen))
                    kind = "kept" if key is None else f"key{key}"
                    frame = f"{number}:{kind};".encode()
                    desk.writer.put(
                        audience, Item(frame, key is None, None if key is None else ("key", key))
                    )
                    for place in chosen if key is None else ():
                        expected[place].append(f"{number}:{kind}")
        await turns(100)
        for peer in peers:
            peer.open = True
            desk.writer.drain(peer)
    for peer, kept in zip(peers, expected, strict=True):
        got = b"".join(peer.writes).decode().split(";")[:-1]
        assert [each for each in got if each.endswith("kept")] == kept
        for ending in ("key0", "key1"):
            numbers = [int(each.partition(":")[0]) for each in got if each.endswith(ending)]
            assert numbers == sorted(set(numbers))
