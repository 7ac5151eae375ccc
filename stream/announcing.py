"""Events on their way to the bus: they wait while it is full or gone, in order and bounded."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import NamedTuple

import structlog

from stream.core import wire
from stream.core.effects import Announce
from stream.core.errors import BusError, Malformed
from stream.core.records import Origin, Position, Topic
from stream.core.wire import Payload
from stream.ports import Bus

LIMIT = 10_000
BATCH = 256
RETRY_S = 0.25
PUBLISH_HEADER = "publish"
"""On a review: the post is to be shown once it is allowed."""

logger = structlog.get_logger(__name__)


class _Event(NamedTuple):
    channel: str
    payload: Payload


class Announcer:
    """Holds `limit` events; over it a new one is dropped, counted and logged. `run` writes them."""

    def __init__(self, bus: Bus, name: str, limit: int = LIMIT) -> None:
        self.written = 0
        self.dropped = 0
        self.failures = 0
        self._bus = bus
        self._name = name
        self._limit = limit
        self._waiting: deque[_Event] = deque()
        self._some = asyncio.Event()
        self._none = asyncio.Event()
        self._none.set()

    def has_room(self) -> bool:
        return len(self._waiting) < self._limit

    def is_half_full(self) -> bool:
        return 2 * len(self._waiting) >= self._limit

    def announce(self, announce: Announce) -> None:
        """Write it as soon as the bus takes it."""
        event = announce.event
        if not self.has_room():
            self.dropped += 1
            logger.error("dropped an event", kind=type(event).__name__, channel=event.channel)
            return
        origin = Origin(owner=self._name, arrived=announce.arrived, budget_ms=announce.budget_ms)
        payload = wire.encode_result(event, origin)
        if announce.publish:
            payload.headers[PUBLISH_HEADER] = b"1"
        self._waiting.append(_Event(event.channel, payload))
        self._none.clear()
        self._some.set()

    async def run(self) -> None:
        """Until cancelled; what waits then is lost."""
        while True:
            await self._some.wait()
            if not await self._write(min(BATCH, len(self._waiting))):
                self.failures += 1
                await asyncio.sleep(RETRY_S)
            if not self._waiting:
                self._some.clear()
                self._none.set()

    async def wait_empty(self) -> None:
        await self._none.wait()

    def statistics(self) -> dict[str, float]:
        return {
            "waiting": len(self._waiting),
            "written": self.written,
            "dropped": self.dropped,
            "failures": self.failures,
        }

    async def _write(self, count: int) -> bool:
        """Write the first `count` events; those that were not taken go back. False if any were."""
        events = [self._waiting.popleft() for _ in range(count)]
        sent: list[tuple[_Event, asyncio.Future[Position]]] = []
        unsent: list[_Event] = []
        for place, event in enumerate(events):
            try:
                sent.append((event, self._send(event)))
            except BusError:
                unsent = events[place:]
                break
            except Malformed as error:
                self.dropped += 1
                logger.error("dropped an event", channel=event.channel, error=str(error))
        found = await asyncio.gather(*(each for _, each in sent), return_exceptions=True)
        failed = [
            event
            for (event, _), result in zip(sent, found, strict=True)
            if isinstance(result, BaseException)
        ]
        self.written += len(sent) - len(failed)
        self._waiting.extendleft(reversed(failed + unsent))
        return not (failed or unsent)

    def _send(self, event: _Event) -> asyncio.Future[Position]:
        payload = event.payload
        return self._bus.publish_nowait(Topic.EVENTS, event.channel, payload.value, payload.headers)
