"""Where one reader stands in each of its logs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from stream.adapters.memory.logs import Logs
from stream.core.errors import BusGone
from stream.core.records import Batch, Log, Record, Truncation


class MemoryReader:
    """Reads logs outside of any group; commits of it count for nobody."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self._positions: dict[Log, int] = {}
        self._woken = asyncio.Event()
        self._paused = False
        self._closed = False

    async def read(self, limit: int, wait_s: float) -> Batch:
        """Up to `limit` records; empty after `wait_s`. Raises BusGone when it is closed."""
        await asyncio.sleep(0)  # a reader that always finds records must not starve the others
        batch = self._collect(limit)
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                while not (batch.records or batch.truncated):
                    await self._woken.wait()
                    batch = self._collect(limit)
        return batch

    def assignment(self) -> frozenset[Log]:
        """The logs that records come from now; none while they move."""
        return frozenset() if self._paused else self.owned()

    def owned(self) -> frozenset[Log]:
        """The logs that may be committed, also while they are being given up."""
        return frozenset(self._positions)

    async def seek(self, log: Log, offset: int) -> None:
        """Read on from `offset`; a log that isn't assigned is left out silently."""
        if log in self._positions:
            self._positions[log] = offset
            self._woken.set()

    async def commit(self, offsets: Mapping[Log, int]) -> None:
        """Nothing to tell anybody. Raises BusGone when it is closed."""
        self._check_open()

    async def close(self) -> None:
        self.drop()

    def take(self, positions: dict[Log, int]) -> None:
        """Read these logs from these offsets, and no others."""
        for log in self._positions:
            self._logs.unwatch(log, self._woken)
        for log in positions:
            self._logs.watch(log, self._woken)
        self._positions = positions
        self._woken.set()

    def pause(self) -> None:
        """Give no records; what is assigned may still be committed."""
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        self._woken.set()

    def drop(self) -> None:
        """End for good: a `read` under way raises BusGone."""
        self.take({})
        self._closed = True

    def _collect(self, limit: int) -> Batch:
        self._check_open()
        self._woken.clear()
        records: list[Record] = []
        truncated: list[Truncation] = []
        for log in () if self._paused else tuple(self._positions):
            truncated += self._skip_truncated(log)
            found = self._logs[log].read(self._positions[log], limit - len(records))
            if found:
                records += found
                # Its turn comes again after the others', so that a busy log starves none.
                del self._positions[log]
                self._positions[log] = found[-1].offset + 1
            if len(records) >= limit:
                break
        return Batch(tuple(records), tuple(truncated))

    def _skip_truncated(self, log: Log) -> list[Truncation]:
        start, first = self._positions[log], self._logs[log].first
        if start >= first:
            return []
        self._positions[log] = first
        self._logs.truncated += first - start
        return [Truncation(log, start, first)]

    def _check_open(self) -> None:
        self._logs.check_open()
        if self._closed:
            raise BusGone("reader is closed")
