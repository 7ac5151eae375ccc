"""Which input is finished: the low-water mark of every log."""

from __future__ import annotations

from collections.abc import Iterable

from stream.core.records import Log, Position


class Ledger:
    """Offsets opened when read and closed when their results stand.

    A log's mark is the offset before which everything is closed: what may be committed. A record
    read again after a replay opens again and does no harm.
    """

    def __init__(self) -> None:
        self._open: dict[Log, dict[int, None]] = {}
        self._next: dict[Log, int] = {}

    def open(self, position: Position) -> None:
        log, offset = position
        self._open.setdefault(log, {})[offset] = None
        self._next[log] = offset + 1

    def close(self, positions: Iterable[Position]) -> None:
        for log, offset in positions:
            self._open.get(log, {}).pop(offset, None)

    def drop(self, logs: Iterable[Log]) -> None:
        """Forget logs that others own now."""
        for log in logs:
            self._open.pop(log, None)
            self._next.pop(log, None)

    def marks(self) -> dict[Log, int]:
        """The next offset to read for a new owner of each log."""
        return {log: self._mark(log) for log in self._next}

    def open_records(self) -> int:
        return sum(len(offsets) for offsets in self._open.values())

    def _mark(self, log: Log) -> int:
        # records are opened in order, so the first key is the lowest open offset
        return next(iter(self._open[log]), self._next[log])
