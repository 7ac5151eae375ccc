"""How far one gateway has read each result log, and from where on it has kept everything."""

from __future__ import annotations

from collections.abc import Mapping

from stream.core.cursor import ORDERED, Offsets
from stream.core.records import Log, Record, Topic

RESULTS = (Topic.PARTIALS, Topic.CAPTIONS, Topic.TRANSLATIONS, Topic.VERDICTS, Topic.EVENTS)


class Positions:
    """Offsets of all result logs; `ends` were the logs' ends when reading began.

    A gateway starts to read before the ends. Of what lies there, the older part only teaches it
    what has been said; records not older than `keep_from` (their own time) and all from the ends on
    are kept for those who resume, and `floor` says from which offset on that is all.
    """

    def __init__(self, ends: Mapping[Log, int], keep_from: float) -> None:
        self._ends = dict(ends)
        self._floors = dict(ends)
        self._next: dict[Log, int] = {}
        self._keep_from = keep_from

    def advance(self, record: Record) -> bool:
        """Count a record as read; True where it is kept."""
        log, offset = record.log, record.offset
        read, floor = self._next.get(log, 0), self._floors[log]
        is_new_enough = record.timestamp >= self._keep_from
        # Keeping begins once in a log, and never behind what already counts as read.
        if read <= offset < floor == self._ends[log] and is_new_enough:
            self._floors[log] = floor = offset
        self._next[log] = max(read, offset + 1)
        return offset >= floor

    def skip(self, log: Log, end: int) -> None:
        """Records before `end` are lost: nothing before it is complete any more."""
        self._next[log] = max(self._next.get(log, 0), end)
        self._floors[log] = max(self._floors[log], end)

    def raise_floor(self, partition: int, offsets: Offsets) -> None:
        """What lies before these offsets has been forgotten."""
        for topic, offset in zip(ORDERED, offsets, strict=True):
            log = Log(topic, partition)
            self._floors[log] = max(self._floors[log], offset)

    def settle(self) -> None:
        """No record waits: a log of which nothing came has nothing before its end."""
        for log, end in self._ends.items():
            self._next.setdefault(log, end)

    def is_live(self, log: Log, offset: int) -> bool:
        """False for what lay in the log before reading began."""
        return offset >= self._ends[log]

    def is_warm(self) -> bool:
        """True once all that lay in the logs before has been read."""
        return all(self._next.get(log, 0) >= end for log, end in self._ends.items())

    def read(self, partition: int) -> Offsets:
        """The next offsets of a partition: all before them has been read."""
        return Offsets(*(self._next.get(Log(topic, partition), 0) for topic in ORDERED))

    def start(self, partition: int) -> Offsets:
        """Where a new subscriber starts: after all that is old."""
        ends = Offsets(*(self._ends[Log(topic, partition)] for topic in ORDERED))
        return ends.merge(self.read(partition))

    def floor(self, partition: int) -> Offsets:
        return Offsets(*(self._floors[Log(topic, partition)] for topic in ORDERED))

    def where(self) -> dict[Log, int]:
        """Where to read on, of each log; its end where nothing came yet."""
        return {log: self._next.get(log, end) for log, end in self._ends.items()}


def result_logs(partitions: int) -> list[Log]:
    """All logs that a gateway reads."""
    return [Log(topic, partition) for topic in RESULTS for partition in range(partitions)]
