"""Who is still there: one timer wheel for all connections, in place of a task for each."""

from __future__ import annotations

import asyncio
import itertools

from stream.adapters.websocket.peer import WebSocketPeer

INTERVAL_S = 20
TIMEOUT_S = 20
TICK_S = 1.0


class Pinger:
    """A connection's turn comes every INTERVAL_S; silent, it is pinged, and then cut off."""

    def __init__(self) -> None:
        self.pinged = 0
        self.cut_off = 0
        self._wheel: list[set[WebSocketPeer]] = [set() for _ in range(INTERVAL_S)]
        self._slots = itertools.cycle(self._wheel)
        self._slot_of: dict[WebSocketPeer, set[WebSocketPeer]] = {}

    def add(self, peer: WebSocketPeer) -> None:
        slot = next(self._slots)
        slot.add(peer)
        self._slot_of[peer] = slot

    def remove(self, peer: WebSocketPeer) -> None:
        slot = self._slot_of.pop(peer, None)
        if slot is not None:
            slot.discard(peer)

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for slot in itertools.cycle(self._wheel):
            await asyncio.sleep(TICK_S)
            self.turn(slot, loop.time())

    def turn(self, slot: set[WebSocketPeer], now: float) -> None:
        """Look at the connections of one slot."""
        for peer in tuple(slot):
            silent_s = now - peer.heard
            if silent_s > INTERVAL_S + TIMEOUT_S and peer.is_reading:
                self.cut_off += 1
                peer.transport.abort()
            elif silent_s > INTERVAL_S / 2:
                self.pinged += 1
                peer.ping_soon()
