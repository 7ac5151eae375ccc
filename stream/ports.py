"""What the shells need from the world: a clock and a bus."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

from stream.core.errors import OntimeError
from stream.core.records import Batch, Headers, Log, Position, Topic

if TYPE_CHECKING:
    from stream.core.outbox import Outbox


class Clock(Protocol):
    """Unix seconds that never step: the wall clock read once, a monotonic clock since.

    In one process all times agree; between machines they differ by the machines' skew.
    """

    def now(self) -> float: ...


class Listener(Protocol):
    """Is told of a group's moves; `revoked` has two seconds to commit what is done."""

    async def assigned(self, logs: frozenset[Log]) -> None: ...

    async def revoked(self, logs: frozenset[Log]) -> None: ...


class Reader(Protocol):
    """Reads logs in order, each record at least once. Used by one task only."""

    async def read(self, limit: int, wait_s: float) -> Batch:
        """Up to `limit` records; empty after `wait_s`. Raises BusGone when it is closed."""

    def assignment(self) -> frozenset[Log]:
        """The logs this reader reads now."""

    async def seek(self, log: Log, offset: int) -> None:
        """Read on from `offset`."""

    async def commit(self, offsets: Mapping[Log, int]) -> None:
        """The next owner starts at these offsets. Logs no longer assigned are left out silently."""

    async def close(self) -> None:
        """Stop reading; what is not committed is read again.

        On Kafka a member keeps its logs for the session time, for one that comes back under its
        name; then, and in memory at once, they go to others.
        """


class Bus(Protocol):
    """Ordered, keyed logs; the same key is in the same partition of every topic.

    `identity` names the logs' incarnation: offsets of another identity mean nothing here.
    """

    identity: str
    partitions: int

    def partition_of(self, key: str) -> int: ...

    def publish_nowait(
        self,
        topic: Topic,
        key: str,
        value: bytes,
        headers: Headers,
        *,
        partition: int | None = None,
    ) -> asyncio.Future[Position]:
        """Queue a record; the future ends when it is acknowledged, or with BusGone.

        Records of one caller keep their order. Raises BusFull when the bounded queue has no room.
        """

    async def publish(
        self,
        topic: Topic,
        key: str,
        value: bytes,
        headers: Headers,
        *,
        partition: int | None = None,
    ) -> Position:
        """Wait for room, queue, wait for the acknowledgement. Raises BusGone."""

    async def join(
        self, group: str, member: str, topics: Iterable[Topic], listener: Listener
    ) -> Reader:
        """Read as one of a group: each log has one owner; start where the last one committed.

        A log without a commit is read from its first record.
        """

    async def tail(self, logs: Iterable[Log], back_s: float) -> Reader:
        """Read whole logs outside of any group, from `back_s` seconds ago (0: from now on)."""

    async def ends(self, logs: Iterable[Log]) -> dict[Log, int]:
        """The offset that each log's next record will get."""

    def statistics(self) -> dict[str, float]:
        """Queue lengths and counts, by name."""

    async def close(self) -> None:
        """Flush what is queued (bounded), then close."""


class Peer(Protocol):
    """A connection that results are written to. Its methods never wait."""

    outbox: Outbox

    @property
    def writable(self) -> bool:
        """False while the kernel's buffer is full; the connection wakes the fan-out afterwards."""

    def write(self, frames: bytes) -> None:
        """Hand finished frames to the transport; only while `writable`."""

    def close_soon(self, error: OntimeError) -> None:
        """Tell the peer why and close with the error's code."""
