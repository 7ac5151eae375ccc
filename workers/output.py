"""What a worker says, and how far its input is finished: publish, acknowledge, commit."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from stream.core.errors import BusFull
from stream.core.records import Log, Position
from stream.ports import Bus, Reader
from workers.core.ledger import Ledger
from workers.role import Outcome, Publication


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputLimits:
    """`unacknowledged`: results above which `put` waits; `commit_s`: between two commits;
    `retry_s`: between two tries at a full bus.
    """

    unacknowledged: int = 10_000
    commit_s: float = 0.3
    retry_s: float = 0.01


@dataclass(frozen=True, slots=True)
class _Promise:
    """Results on their way, and the input that is finished once they stand."""

    futures: list[asyncio.Future[Position]]
    closed: tuple[Position, ...]


class Output:
    """Publishes outcomes in order; input counts as finished when its results are acknowledged.

    `run` ends by cancellation or with the BusError that a result got; then what is not committed
    is read again by the next owner.
    """

    def __init__(self, bus: Bus, limits: OutputLimits | None = None) -> None:
        self.ledger = Ledger()
        self._bus = bus
        self._limits = limits or OutputLimits()
        self._promises: asyncio.Queue[_Promise] = asyncio.Queue(self._limits.unacknowledged)
        self._committed: dict[Log, int] = {}
        self._counts: Counter[str] = Counter()

    async def put(self, outcome: Outcome) -> None:
        """Publish; waits while the bus or the queue of promises is full."""
        futures = [await self._publish(publication) for publication in outcome.publications]
        promised = [future for future in futures if future is not None]
        if promised or outcome.closed:
            await self._promises.put(_Promise(promised, outcome.closed))

    async def run(self, reader: Reader) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._acknowledge())
            tasks.create_task(self._commit(reader))

    async def hand_over(self, logs: Iterable[Log], reader: Reader | None, wait_s: float) -> None:
        """Commit what is acknowledged within `wait_s`, then forget these logs."""
        try:
            async with asyncio.timeout(wait_s):
                await self._promises.join()
        except TimeoutError:
            self._counts["handover_timeouts"] += 1
        if reader is not None:
            marks = self.ledger.marks()
            await reader.commit({log: marks[log] for log in logs if log in marks})
        self.ledger.drop(logs)
        for log in logs:
            self._committed.pop(log, None)

    def statistics(self) -> dict[str, float]:
        return {
            "open_records": self.ledger.open_records(),
            "unacknowledged": self._promises.qsize(),
            **self._counts,
        }

    async def _publish(self, publication: Publication) -> asyncio.Future[Position] | None:
        """Queue a record; a full bus drops partials and makes everything else wait."""
        topic, key, payload, durable = publication
        while True:
            try:
                future = self._bus.publish_nowait(topic, key, payload.value, payload.headers)
            except BusFull:
                if not durable:
                    self._counts["partials_dropped"] += 1
                    return None
                await asyncio.sleep(self._limits.retry_s)
            else:
                self._counts["published"] += 1
                if durable:
                    return future
                future.add_done_callback(_ignore)
                return None

    async def _acknowledge(self) -> None:
        while True:
            promise = await self._promises.get()
            for future in promise.futures:
                await future
            self.ledger.close(promise.closed)
            self._promises.task_done()

    async def _commit(self, reader: Reader) -> None:
        while True:
            await asyncio.sleep(self._limits.commit_s)
            marks = self.ledger.marks()
            moved = {log: mark for log, mark in marks.items() if self._committed.get(log) != mark}
            if moved:
                await reader.commit(moved)
                self._committed.update(moved)


def _ignore(future: asyncio.Future[Position]) -> None:
    """Nobody waits for a partial; its error is taken notice of, so that none is reported."""
    if not future.cancelled():
        future.exception()
