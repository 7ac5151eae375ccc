"""Reads all result logs of a bus, and goes on where it was when the bus comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from stream.core.errors import BusError
from stream.core.positions import result_logs
from stream.core.records import Record, Truncation
from stream.core.results import Results
from stream.core.stats import Counts
from stream.ports import Bus, Clock, Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class TailLimits:
    """How results are read.

    read      records at once
    wait_s    for records, before an empty answer
    settle_s  after which a log of which nothing came at the start is taken as read
    reopen_s  least and most between two tries to reach the bus
    """

    read: int = 500
    wait_s: float = 0.25
    settle_s: float = 2.0
    reopen_s: tuple[float, float] = (0.1, 2.0)


class Receiver(Protocol):
    """Is told what was read, log by log in order, and what can't be read any more."""

    async def receive(self, records: Collection[Record]) -> None: ...

    def lose(self, truncation: Truncation) -> None: ...


class Tail:
    """Reads for one receiver; `results` knows where each log stands.

    `ready` is set once all that lay in the logs at the start has been read.
    """

    def __init__(
        self, bus: Bus, clock: Clock, results: Results, receiver: Receiver, limits: TailLimits
    ) -> None:
        self.ready = asyncio.Event()
        self._bus = bus
        self._clock = clock
        self._results = results
        self._receiver = receiver
        self._limits = limits
        self._counts = Counts()

    async def run(self) -> None:
        """Read until cancelled."""
        least_s, most_s = self._limits.reopen_s
        wait_s = least_s
        while True:
            reads = self._counts["reads"]
            with suppress(BusError):
                await self._read()
            self._counts.add("bus_losses")
            wait_s = least_s if self._counts["reads"] > reads else min(2 * wait_s, most_s)
            await asyncio.sleep(wait_s)

    def statistics(self) -> dict[str, float]:
        return {"ready": float(self.ready.is_set()), **self._counts}

    async def _read(self) -> None:
        """Read until the bus is gone (BusError)."""
        reader = await self._open()
        settles = self._clock.now() + self._limits.settle_s
        try:
            while True:
                batch = await reader.read(self._limits.read, self._limits.wait_s)
                self._counts.add("reads")
                for truncation in batch.truncated:
                    self._results.skip(truncation)
                    self._receiver.lose(truncation)
                await self._receiver.receive(batch.records)
                if not self.ready.is_set():
                    self._settle(not (batch.records or batch.truncated), settles)
        finally:
            await reader.close()

    async def _open(self) -> Reader:
        """A reader that starts some time back, or where the last one ended."""
        logs = result_logs(self._bus.partitions)
        if not self._results.is_open:
            ends, now = await self._bus.ends(logs), self._clock.now()
            reader = await self._bus.tail(logs, self._results.limits.back_s)
            self._results.open(ends, now)
            return reader
        reader = await self._bus.tail(logs, 0)
        try:
            for log, offset in self._results.where().items():
                await reader.seek(log, offset)
        except BaseException:
            await reader.close()
            raise
        return reader

    def _settle(self, is_idle: bool, settles: float) -> None:
        """Where records come without a pause, a log that stays silent counts as read as well."""
        if is_idle or self._clock.now() > settles:
            self._results.settle()
        if self._results.is_warm:
            self.ready.set()
