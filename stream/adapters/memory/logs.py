"""All logs of a bus, and who is woken when one of them grows."""

from __future__ import annotations

import asyncio
from itertools import product

from stream.core.errors import BusGone
from stream.core.records import Headers, Log, Position, Record, Topic
from stream.core.retained import RetainedLog
from stream.core.topics import RETENTION


class Logs:
    """The records of all topics; `closed` for good once `close` was called."""

    def __init__(self, partitions: int, limit_bytes: int) -> None:
        self.published = 0
        self.truncated = 0
        self.closed = False
        self._kept = {
            Log(topic, partition): RetainedLog(RETENTION[topic], limit_bytes)
            for topic, partition in product(Topic, range(partitions))
        }
        self._watchers: dict[Log, set[asyncio.Event]] = {log: set() for log in self._kept}

    def __getitem__(self, log: Log) -> RetainedLog:
        return self._kept[log]

    def append(self, log: Log, key: str, value: bytes, headers: Headers, now: float) -> Position:
        """Add a record and wake the log's readers. Raises BusGone once closed."""
        self.check_open()
        kept = self._kept[log]
        record = Record(log, kept.end, key, value, dict(headers), now)
        kept.append(record)
        self.published += 1
        for event in self._watchers[log]:
            event.set()
        return Position(log, record.offset)

    def watch(self, log: Log, event: asyncio.Event) -> None:
        self._watchers[log].add(event)

    def unwatch(self, log: Log, event: asyncio.Event) -> None:
        self._watchers[log].discard(event)

    def close(self) -> None:
        """Wake all readers; they find it closed."""
        self.closed = True
        for events in self._watchers.values():
            for event in events:
                event.set()

    def check_open(self) -> None:
        """Raises BusGone once closed."""
        if self.closed:
            raise BusGone("bus is closed")

    def size_bytes(self) -> int:
        return sum(kept.size_bytes for kept in self._kept.values())
