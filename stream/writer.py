"""Writes what waits for each peer: joined, in slices, and never to one that does not read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from stream.core.errors import TooSlow
from stream.core.outbox import Item, Outbox
from stream.ports import Clock, Peer

_SHORT_S = 0.0005


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterLimits:
    """How frames become writes.

    slice        peers written between two turns of other tasks
    write_bytes  handed to one peer at once
    coming       deliveries that may wait to be joined, before they are put into the outboxes
    cork_s       most that frames wait to be joined with later ones, while writing takes long
    """

    slice: int = 256
    write_bytes: int = 64 * 1024
    coming: int = 8192
    cork_s: float = 0.005


@dataclass(slots=True)
class _Flight:
    """Frames on their way to an audience, of which the first `written` have had their turn."""

    audience: tuple[Peer, ...] = ()
    items: tuple[Item, ...] = ()
    written: int = 0

    @property
    def rest(self) -> int:
        return len(self.audience) - self.written

    def next(self, count: int) -> tuple[Peer, ...]:
        """The next so many of the audience; nobody once all have had their turn."""
        part = self.audience[self.written : self.written + count]
        self.written += len(part)
        return part

    def join(self, now: float) -> bytes:
        """The frames as one, of partials the newest."""
        shared = Outbox()
        for item in self.items:
            shared.put(item, now)
        return shared.take(shared.limits.limit_bytes)


class Writer:
    """Moves frames from outboxes to peers.

    A flush that takes long is followed by a pause as long, `cork_s` at most, in which frames gather
    to be joined into one write; an idle writer writes at once. Answers don't wait for a flush: they
    go, joined as well, at the loop's next turn. A peer whose outbox is over a bound is closed, and
    `closed` is told.

    What all of one audience get in a tick is joined once, and goes past the outboxes of those who
    take it at once. It is put into all outboxes as soon as that would change anybody's order.
    """

    def __init__(
        self, clock: Clock, closed: Callable[[Peer], None], limits: WriterLimits | None = None
    ) -> None:
        self.limits = limits or WriterLimits()
        self.deliveries = 0
        self._clock = clock
        self._closed = closed
        self._writes = 0
        self._written_bytes = 0
        self._too_slow = 0
        self._woken = asyncio.Event()
        self._coming_deliveries = 0
        self._coming: list[tuple[tuple[Peer, ...], Item]] = []
        self._flight = _Flight()
        self._dirty: dict[Peer, None] = {}
        self._prompt: dict[Peer, None] = {}
        self._blocked: dict[Peer, None] = {}

    def put(self, audience: tuple[Peer, ...], item: Item) -> None:
        """Deliver one frame to many; the next flush writes it."""
        self._coming.append((audience, item))
        self._coming_deliveries += len(audience)
        self.deliveries += len(audience)
        self._woken.set()
        if self._coming_deliveries > self.limits.coming:
            self._settle()

    def answer(self, peer: Peer, item: Item) -> None:
        """Deliver a frame to one peer; it is written at the loop's next turn."""
        self._settle()
        if not self._put(peer, (item,), self._clock.now()):
            return
        if not self._prompt:
            asyncio.get_running_loop().call_soon(self._write_prompt)
        self._prompt[peer] = None

    def drain(self, peer: Peer) -> None:
        """Write what waits for a peer as far as it takes it."""
        outbox = peer.outbox
        while len(outbox) and peer.writable:
            frames = outbox.take(self.limits.write_bytes)
            self._writes += 1
            self._written_bytes += len(frames)
            peer.write(frames)
        if len(outbox):
            self._blocked[peer] = None
        elif self._blocked:
            self._blocked.pop(peer, None)

    def leave(self, peer: Peer, channel: str) -> None:
        """Of a channel that the peer has left, only what must arrive still goes out."""
        self._settle()
        peer.outbox.leave(channel)

    def forget(self, peer: Peer) -> None:
        """The peer is gone, and with it what waits for it."""
        self._settle()
        self._remove(peer)

    def check(self, now: float) -> None:
        """Close those for whom something has waited too long."""
        for peer in tuple(self._blocked):
            try:
                peer.outbox.check(now)
            except TooSlow as error:
                self._close(peer, error)

    async def run(self) -> None:
        """Flush whenever there is something; cancelled, it leaves the rest unwritten."""
        loop = asyncio.get_running_loop()
        while True:
            await self._woken.wait()
            self._woken.clear()
            began = loop.time()
            await self._flush()
            took_s = loop.time() - began
            if took_s > _SHORT_S:
                await asyncio.sleep(min(took_s, self.limits.cork_s))

    def statistics(self) -> dict[str, float]:
        return {
            "blocked_peers": len(self._blocked),
            "deliveries": self.deliveries,
            "writes": self._writes,
            "written_bytes": self._written_bytes,
            "too_slow": self._too_slow,
        }

    async def _flush(self) -> None:
        """Write to all for whom something has come."""
        if self._is_common():
            coming = self._take_coming()
            self._flight = _Flight(coming[0][0], tuple(item for _, item in coming))
            await self._write_common()
        else:
            self._settle()
        dirty, self._dirty = self._dirty, {}
        for number, peer in enumerate(dirty, 1):
            self.drain(peer)
            if number % self.limits.slice == 0:
                await asyncio.sleep(0)

    def _take_coming(self) -> list[tuple[tuple[Peer, ...], Item]]:
        coming, self._coming, self._coming_deliveries = self._coming, [], 0
        return coming

    def _is_common(self) -> bool:
        """True where all that has come is for one audience, and fits into one write."""
        size = sum(len(item.frame) for _, item in self._coming)
        return (
            not self._dirty
            and 0 < size <= self.limits.write_bytes
            and all(audience is self._coming[0][0] for audience, _ in self._coming)
        )

    async def _write_common(self) -> None:
        """The same frames to all of the audience; only who can't take them has them put aside."""
        now, flight = self._clock.now(), self._flight
        frames = flight.join(now)
        while part := flight.next(self.limits.slice):
            for peer in self._write_part(part, frames):
                if self._put(peer, flight.items, now):
                    self._dirty[peer] = None
            if flight.rest:
                await asyncio.sleep(0)

    def _write_part(self, peers: tuple[Peer, ...], frames: bytes) -> list[Peer]:
        """Write to all who take it at once; returns the others."""
        # Whose outbox is not empty is in one of these; to look at a thousand outboxes costs more.
        behind = self._dirty.keys() | self._prompt.keys() | self._blocked.keys()
        others = []
        for peer in peers:
            if peer.writable and not (behind and peer in behind):
                peer.write(frames)
            else:
                others.append(peer)
        self._writes += len(peers) - len(others)
        self._written_bytes += (len(peers) - len(others)) * len(frames)
        return others

    def _settle(self) -> None:
        """Put everything that has come into the outboxes: from here on each has an order."""
        flight, self._flight = self._flight, _Flight()
        coming = [(flight.next(flight.rest), flight.items)] if flight.rest else []
        coming += [(audience, (item,)) for audience, item in self._take_coming()]
        if not coming:
            return
        now = self._clock.now()
        for audience, items in coming:
            for peer in audience:
                if self._put(peer, items, now):
                    self._dirty[peer] = None
        self._woken.set()

    def _put(self, peer: Peer, items: tuple[Item, ...], now: float) -> bool:
        """False where that was too much for the peer."""
        try:
            for item in items:
                peer.outbox.put(item, now)
        except TooSlow as error:
            self._close(peer, error)
            return False
        return True

    def _write_prompt(self) -> None:
        prompt, self._prompt = self._prompt, {}
        for peer in prompt:
            self.drain(peer)

    def _close(self, peer: Peer, error: TooSlow) -> None:
        self._too_slow += 1
        self._remove(peer)
        self._closed(peer)
        peer.close_soon(error)

    def _remove(self, peer: Peer) -> None:
        peer.outbox.clear()
        for peers in (self._dirty, self._prompt, self._blocked):
            peers.pop(peer, None)
