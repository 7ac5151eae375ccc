"""One log in memory: numbered records, from which age, size or compaction takes the oldest."""

from __future__ import annotations

from bisect import bisect_left

from stream.core.records import Record
from stream.core.topics import Retention

_OVERHEAD_BYTES = 200
_TRIM_FROM = 256


class RetainedLog:
    """Records in order of their offsets; full, it drops the oldest.

    `limit_bytes` bounds keys, values and headers with a fixed overhead a record. `first` is the
    offset from which on nothing but compaction has taken a record, `end` the next record's.
    """

    def __init__(self, retention: Retention, limit_bytes: int) -> None:
        self.retention = retention
        self.limit_bytes = limit_bytes
        self.first = 0
        self.end = 0
        self.size_bytes = 0
        self._records: list[Record] = []
        self._head = 0

    def __len__(self) -> int:
        return len(self._records) - self._head

    def append(self, record: Record) -> None:
        """Take a record whose offset is `end`; drop what is over age or size."""
        assert record.offset == self.end
        if self.retention.compacted:
            self._compact(record.key)
        self._records.append(record)
        self.end += 1
        self.size_bytes += _size(record)
        self._retain(record.timestamp)

    def read(self, start: int, limit: int) -> tuple[Record, ...]:
        """Up to `limit` records from offset `start` on, or what follows it."""
        place = self._place(start)
        return tuple(self._records[place : place + limit])

    def since(self, timestamp: float) -> int:
        """The first offset whose record is not older than `timestamp`, or `end`."""
        keys = self._records
        place = bisect_left(keys, timestamp, lo=self._head, key=lambda each: each.timestamp)
        return keys[place].offset if place < len(keys) else self.end

    def _place(self, offset: int) -> int:
        return bisect_left(self._records, offset, lo=self._head, key=lambda each: each.offset)

    def _compact(self, key: str) -> None:
        for place in range(len(self._records) - 1, self._head - 1, -1):
            if self._records[place].key == key:
                self.size_bytes -= _size(self._records.pop(place))
                return

    def _retain(self, now: float) -> None:
        oldest = -float("inf") if self.retention.compacted else now - self.retention.keep_s
        while len(self) > 1 and (
            self.size_bytes > self.limit_bytes or self._records[self._head].timestamp < oldest
        ):
            self.size_bytes -= _size(self._records[self._head])
            self._head += 1
            self.first = self._records[self._head].offset
        # Cutting the front costs its length, so it waits until the dead outnumber the living.
        if self._head > _TRIM_FROM and self._head > len(self):
            del self._records[: self._head]
            self._head = 0


def _size(record: Record) -> int:
    headers = sum(len(name) + len(value) for name, value in record.headers.items())
    return _OVERHEAD_BYTES + len(record.key) + len(record.value) + headers
