"""Reading whole logs, outside of any group, for as long as the process lives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from math import inf

import structlog

from stream.core.errors import BusError, Malformed
from stream.core.records import Batch, Log, Record
from stream.ports import Bus

READ = 25
"""Records between two turns of other tasks: about a millisecond of work."""
WAIT_S = 1.0
RETRY_S = 0.5
CATCH_UP_S = 2.0
EVERYTHING_S = 10 * 365 * 86_400.0
"""Further back than any log reaches."""

logger = structlog.get_logger(__name__)


class Follower:
    """Hands every record of some logs to `learn`, from `back_s` ago on, in each log's order.

    After a loss of the bus it reads that past again, so `learn` must bear repeats. A record that
    `learn` calls Malformed is counted and passed over.
    """

    def __init__(
        self, bus: Bus, logs: Iterable[Log], back_s: float, learn: Callable[[Record], None]
    ) -> None:
        self.read = 0
        self.malformed = 0
        self.losses = 0
        self._bus = bus
        self._logs = tuple(logs)
        self._back_s = back_s
        self._learn = learn
        self._behind: dict[Log, float] = dict.fromkeys(self._logs, inf)
        self._next: dict[Log, int] = {}
        self._took = asyncio.Condition()

    def is_warm(self) -> bool:
        """True once all that lay in the logs at the start has been read."""
        return not self._behind

    async def wait_warm(self) -> None:
        """Wait until all that lay in the logs at the start has been read."""
        async with self._took:
            await self._took.wait_for(self.is_warm)

    async def catch_up(self, patience_s: float = CATCH_UP_S) -> bool:
        """Wait until what the bus has now has been learnt; False where that takes too long."""
        try:
            async with asyncio.timeout(patience_s):
                ends = await self._bus.ends(self._logs)
                async with self._took:
                    await self._took.wait_for(lambda: self._has_read(ends))
        except (TimeoutError, BusError):
            return False
        return True

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._follow()
            except BusError as error:
                self.losses += 1
                logger.warning("lost the bus", logs=len(self._logs), error=str(error))
                await asyncio.sleep(RETRY_S)

    def statistics(self) -> dict[str, float]:
        return {"read": self.read, "malformed": self.malformed, "losses": self.losses}

    async def _follow(self) -> None:
        reader = await self._bus.tail(self._logs, self._back_s)
        try:
            ends = await self._bus.ends(self._logs)
            self._behind = {log: end for log, end in ends.items() if end > 0}
            self._next = dict.fromkeys(self._logs, 0)
            while True:
                self._take(await reader.read(READ, WAIT_S))
                async with self._took:
                    self._took.notify_all()
        finally:
            await reader.close()

    def _take(self, batch: Batch) -> None:
        for record in batch.records:
            self.read += 1
            try:
                self._learn(record)
            except Malformed as error:
                self.malformed += 1
                logger.warning("passed over a record", log=record.log, error=str(error))
            self._next[record.log] = record.offset + 1
            if record.offset + 1 >= self._behind.get(record.log, inf):
                del self._behind[record.log]
        if not batch.records:
            # what is missing was taken by retention or compaction, or is older than asked for
            self._next |= {log: int(max(end, self._next[log])) for log, end in self._behind.items()}
            self._behind.clear()

    def _has_read(self, ends: dict[Log, int]) -> bool:
        return all(self._next.get(log, 0) >= end for log, end in ends.items())
