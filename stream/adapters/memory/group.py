"""Groups of readers: each log has one owner."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from itertools import product

import structlog

from stream.adapters.memory.logs import Logs
from stream.adapters.memory.reader import MemoryReader
from stream.core.records import Log, Topic
from stream.core.topics import share
from stream.ports import Listener

REVOKE_S = 2.0

_log = structlog.get_logger(__name__)


class MemberReader(MemoryReader):
    """Reads its share of a group's logs."""

    def __init__(
        self,
        logs: Logs,
        group: Group,
        member: str,
        topics: frozenset[Topic],
        listener: Listener,
    ) -> None:
        super().__init__(logs)
        self.member = member
        self.topics = topics
        self._group = group
        self._listener = listener

    async def commit(self, offsets: Mapping[Log, int]) -> None:
        """The next owner starts here; logs that aren't assigned are left out silently."""
        self._check_open()
        owned = self.owned()
        self._group.committed.update({log: at for log, at in offsets.items() if log in owned})

    async def close(self) -> None:
        """Leave the group; returns once the others have this share."""
        self.drop()
        await self._group.leave(self)

    async def give_up(self) -> None:
        """Read no more and tell the listener, which has two seconds."""
        if owned := self.owned():
            self.pause()
            async with asyncio.timeout(REVOKE_S):
                await self._listener.revoked(owned)

    async def start(self) -> None:
        """Tell the listener of the new share, then read it."""
        try:
            await self._listener.assigned(self.owned())
        finally:
            self.resume()


class Group:
    """Who owns which partition. A task of its own moves them, so a cancelled join harms nobody."""

    def __init__(self, logs: Logs, partitions: int) -> None:
        self.committed: dict[Log, int] = {}
        self.moves = 0
        self.listener_failures = 0
        self._logs = logs
        self._partitions = partitions
        self._members: dict[str, MemberReader] = {}
        self._changed = asyncio.Event()
        self._settled = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name="memory bus: group")
        # Whoever waits for a share must not wait for a task that has ended.
        self._task.add_done_callback(lambda _: self._settled.set())

    async def join(self, reader: MemberReader) -> None:
        """Add a member, in place of one of the same name; wait for its share."""
        if former := self._members.pop(reader.member, None):
            former.drop()
        self._members[reader.member] = reader
        try:
            await self._settle()
        except asyncio.CancelledError:
            reader.drop()
            self._remove(reader)
            raise

    async def leave(self, reader: MemberReader) -> None:
        """Take a member out; wait until the others have its share."""
        if self._remove(reader):
            await self._settle()

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])

    def _remove(self, reader: MemberReader) -> bool:
        if self._members.get(reader.member) is not reader:
            return False
        del self._members[reader.member]
        self._changed.set()
        return True

    async def _settle(self) -> None:
        if self._task.done():
            return
        self._settled.clear()
        self._changed.set()
        await self._settled.wait()

    async def _run(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._move()
            if not self._changed.is_set():
                self._settled.set()

    async def _move(self) -> None:
        """Everybody gives up everything, then takes a new share: Kafka's eager protocol."""
        self.moves += 1
        for reader in tuple(self._members.values()):
            await self._tell(reader, revoked=True)
        shares = share(sorted(self._members), self._partitions)
        for member, reader in self._members.items():
            reader.pause()
            reader.take(
                {
                    log: self._start(log)
                    for log in map(Log._make, product(reader.topics, shares[member]))
                }
            )
        for reader in tuple(self._members.values()):
            await self._tell(reader, revoked=False)

    async def _tell(self, reader: MemberReader, *, revoked: bool) -> None:
        if self._members.get(reader.member) is not reader:
            return
        try:
            await (reader.give_up() if revoked else reader.start())
        except Exception:
            # As with Kafka: a listener that fails costs repeated records, not the group.
            self.listener_failures += 1
            _log.exception("listener failed", member=reader.member, revoked=revoked)

    def _start(self, log: Log) -> int:
        return self.committed.get(log, self._logs[log].first)
