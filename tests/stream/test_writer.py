from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

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
            desk.writer.put([peer], Item(frame))
        await turns()
    assert peer.writes == [b"abc"]
    assert desk.writer.statistics()["writes"] == 1
    assert desk.writer.statistics()["deliveries"] == 3


async def test_answers_and_deliveries_keep_one_order() -> None:
    desk, peer = Desk(), KeptPeer()
    desk.writer.put([peer], Item(b"1"))
    desk.writer.answer(peer, Item(b"2"))
    desk.writer.put([peer], Item(b"3"))
    desk.writer.answer(peer, Item(b"4"))
    await turns()
    assert peer.writes == [b"1234"]


async def test_while_a_peer_does_not_read_only_the_newest_partial_waits() -> None:
    desk, peer = Desk(), KeptPeer()
    peer.open = False
    async with desk.running():
        for frame in (b"old", b"newer", b"newest"):
            desk.writer.put([peer], Item(frame, kept=False, key=("k",)))
            await turns()
        desk.writer.put([peer], Item(b"!"))
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
            desk.writer.put([slow, other], Item(frame))
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
    desk.writer.put([peer], Item(b"a"))
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
    desk.writer.put([Noted() for _ in range(peers)], Item(b"a"))
    other = asyncio.create_task(note_turns())
    async with desk.running():
        await turns(20)
    other.cancel()
    slices = [part.count("w") for part in "".join(word[0] for word in happened).split("t")]
    assert max(slices) == 3
    assert sum(slices) == peers
