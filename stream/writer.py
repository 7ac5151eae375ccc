"""Writes what waits for each peer: joined, in slices, and never to one that does not read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass

from stream.core.errors import TooSlow
from stream.core.outbox import Item
from stream.core.stats import Counts
from stream.ports import Clock, Peer

_SHORT_S = 0.0005


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterLimits:
    """How frames become writes.

    slice        peers written between two turns of other tasks
    write_bytes  handed to one peer at once
    cork_s       most that frames wait to be joined with later ones, while writing takes long
    """

    slice: int = 256
    write_bytes: int = 64 * 1024
    cork_s: float = 0.005


class Writer:
    """Moves frames from outboxes to peers.

    A flush that takes long is followed by a pause as long, `cork_s` at most, in which frames gather
    to be joined into one write; an idle writer writes at once. Answers don't wait for a flush: they
    go, joined as well, at the loop's next turn. A peer whose outbox is over a bound is closed, and
    `closed` is told.
    """

    def __init__(
        self, clock: Clock, closed: Callable[[Peer], None], limits: WriterLimits | None = None
    ) -> None:
        self.limits = limits or WriterLimits()
        self.deliveries = 0
        self._clock = clock
        self._closed = closed
        self._counts = Counts()
        self._woken = asyncio.Event()
        self._dirty: dict[Peer, None] = {}
        self._prompt: dict[Peer, None] = {}
        self._blocked: dict[Peer, None] = {}

    def put(self, peers: Collection[Peer], item: Item) -> None:
        """Put one frame into the outboxes of many; the next flush writes it."""
        now, dirty = self._clock.now(), self._dirty
        slow: list[tuple[Peer, TooSlow]] = []
        for peer in peers:
            try:
                peer.outbox.put(item, now)
            except TooSlow as error:
                slow.append((peer, error))
            else:
                dirty[peer] = None
        self.deliveries += len(peers)
        self._woken.set()
        for peer, reason in slow:
            self._close(peer, reason)

    def answer(self, peer: Peer, item: Item) -> None:
        """Put a frame into one outbox; it is written at the loop's next turn."""
        try:
            peer.outbox.put(item, self._clock.now())
        except TooSlow as error:
            self._close(peer, error)
            return
        if not self._prompt:
            asyncio.get_running_loop().call_soon(self._write_prompt)
        self._prompt[peer] = None

    def drain(self, peer: Peer) -> None:
        """Write what waits for a peer as far as it takes it."""
        outbox = peer.outbox
        while len(outbox) and peer.writable():
            frames = outbox.take(self.limits.write_bytes)
            self._counts.add("writes")
            self._counts.add("written_bytes", len(frames))
            peer.write(frames)
        if len(outbox):
            self._blocked[peer] = None
        else:
            self._blocked.pop(peer, None)

    def forget(self, peer: Peer) -> None:
        """The peer is gone, and with it what waits for it."""
        peer.outbox.clear()
        for peers in (self._dirty, self._prompt, self._blocked):
            peers.pop(peer, None)

    def check(self, now: float) -> None:
        """Close those for whom something has waited too long."""
        for peer in tuple(self._blocked):
            try:
                peer.outbox.check(now)
            except TooSlow as error:
                self._close(peer, error)

    async def run(self) -> None:
        """Flush whenever there is something; cancelled, it leaves the rest in the outboxes."""
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
            "dirty_peers": len(self._dirty),
            "blocked_peers": len(self._blocked),
            "deliveries": self.deliveries,
            **self._counts,
        }

    async def _flush(self) -> None:
        """Write to all for whom something came before; what comes meanwhile may go along."""
        dirty, self._dirty = self._dirty, {}
        for number, peer in enumerate(dirty, 1):
            self.drain(peer)
            if number % self.limits.slice == 0:
                await asyncio.sleep(0)

    def _write_prompt(self) -> None:
        prompt, self._prompt = self._prompt, {}
        for peer in prompt:
            self.drain(peer)

    def _close(self, peer: Peer, error: TooSlow) -> None:
        self._counts.add("too_slow")
        self.forget(peer)
        self._closed(peer)
        peer.close_soon(error)
