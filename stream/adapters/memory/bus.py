"""The in-process bus.

There is no queue before a log, so `publish_nowait` never raises BusFull: a full log drops its
oldest records, and a reader that had not come to them is told by a `Truncation`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from stream.adapters.memory.group import Group, MemberReader
from stream.adapters.memory.logs import Logs
from stream.adapters.memory.reader import MemoryReader
from stream.core.records import Headers, Log, Position, Topic
from stream.core.topics import check_size, partition_of
from stream.ports import Clock, Listener


class MemoryBus:
    """Logs in this process, each bounded in bytes; `identity` must be new for each bus."""

    def __init__(
        self,
        clock: Clock,
        identity: str,
        *,
        partitions: int = 8,
        limit_bytes: int = 16 * 1024 * 1024,
    ) -> None:
        self.identity = identity
        self.partitions = partitions
        self._clock = clock
        self._logs = Logs(partitions, limit_bytes)
        self._groups: dict[str, Group] = {}

    def partition_of(self, key: str) -> int:
        return partition_of(key, self.partitions)

    def publish_nowait(
        self,
        topic: Topic,
        key: str,
        value: bytes,
        headers: Headers,
        *,
        partition: int | None = None,
    ) -> asyncio.Future[Position]:
        """Append a record; the future is done. Raises TooBig, and BusGone once closed."""
        future = asyncio.get_running_loop().create_future()
        check_size(key, value, headers)
        log = Log(topic, self.partition_of(key) if partition is None else partition)
        future.set_result(self._logs.append(log, key, value, headers, self._clock.now()))
        return future

    async def publish(
        self,
        topic: Topic,
        key: str,
        value: bytes,
        headers: Headers,
        *,
        partition: int | None = None,
    ) -> Position:
        """Append a record and let others run. Raises TooBig, and BusGone once closed."""
        future = self.publish_nowait(topic, key, value, headers, partition=partition)
        await asyncio.sleep(0)
        return future.result()

    async def join(
        self, group: str, member: str, topics: Iterable[Topic], listener: Listener
    ) -> MemberReader:
        """Become a member; returns once every member has its share."""
        self._logs.check_open()
        if group not in self._groups:
            self._groups[group] = Group(self._logs, self.partitions)
        joined = self._groups[group]
        reader = MemberReader(self._logs, joined, member, frozenset(topics), listener)
        await joined.join(reader)
        return reader

    async def tail(self, logs: Iterable[Log], back_s: float) -> MemoryReader:
        """Read these logs from `back_s` seconds ago, or from now on."""
        self._logs.check_open()
        since = self._clock.now() - back_s
        reader = MemoryReader(self._logs)
        reader.take(
            {log: self._logs[log].since(since) if back_s else self._logs[log].end for log in logs}
        )
        return reader

    async def ends(self, logs: Iterable[Log]) -> dict[Log, int]:
        self._logs.check_open()
        return {log: self._logs[log].end for log in logs}

    def statistics(self) -> dict[str, float]:
        groups = self._groups.values()
        return {
            "published": self._logs.published,
            "truncated": self._logs.truncated,
            "kept_bytes": self._logs.size_bytes(),
            "group_moves": sum(group.moves for group in groups),
            "listener_failures": sum(group.listener_failures for group in groups),
        }

    async def close(self) -> None:
        """Wake all readers, which then raise BusGone; end the groups."""
        self._logs.close()
        for group in self._groups.values():
            await group.close()
