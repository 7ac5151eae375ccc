from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stream.core.records import Log, Record, Topic
from stream.core.retained import RetainedLog
from stream.core.topics import Retention

LOG = Log(Topic.POSTS, 0)
HOUR = Retention(keep_s=3600, segment_s=60)
COMPACTED = Retention(keep_s=3600, segment_s=60, compacted=True)
ROOM = 10_000_000


def record(offset: int, key: str = "news", timestamp: float = 0.0, size: int = 0) -> Record:
    return Record(LOG, offset, key, bytes(size), {}, timestamp)


def filled(count: int, retention: Retention = HOUR, limit_bytes: int = ROOM) -> RetainedLog:
    log = RetainedLog(retention, limit_bytes)
    for offset in range(count):
        log.append(record(offset, timestamp=float(offset)))
    return log


def offsets(records: tuple[Record, ...]) -> list[int]:
    return [each.offset for each in records]


def test_an_empty_log_starts_where_it_ends() -> None:
    log = RetainedLog(HOUR, ROOM)
    assert (log.first, log.end, log.read(0, 10), log.since(0.0)) == (0, 0, (), 0)


def test_reading_starts_anywhere_and_stops_at_the_limit() -> None:
    log = filled(10)
    assert offsets(log.read(3, 4)) == [3, 4, 5, 6]
    assert offsets(log.read(8, 4)) == [8, 9]
    assert log.read(10, 4) == ()


def test_a_moment_has_an_offset() -> None:
    log = filled(10)
    assert [log.since(moment) for moment in (-1.0, 0.0, 3.5, 9.0, 9.5)] == [0, 0, 4, 9, 10]


def test_what_is_too_old_goes_with_the_next_record() -> None:
    log = filled(3)
    log.append(record(3, timestamp=3601.5))
    assert (log.first, log.end, offsets(log.read(0, 10))) == (2, 4, [2, 3])


def test_the_newest_record_stays_whatever_its_size() -> None:
    log = RetainedLog(HOUR, limit_bytes=100)
    log.append(record(0, size=500))
    log.append(record(1, size=500))
    assert (log.first, offsets(log.read(0, 10))) == (1, [1])


def test_compaction_keeps_the_newest_of_each_key_and_moves_no_start() -> None:
    log = RetainedLog(COMPACTED, ROOM)
    for offset, key in enumerate(["a", "b", "a", "c", "b"]):
        log.append(record(offset, key, timestamp=offset * 10_000.0))
    assert offsets(log.read(0, 10)) == [2, 3, 4]
    assert (log.first, log.end) == (0, 5)


@given(st.lists(st.integers(0, 300), max_size=600), st.integers(1000, 20_000))
def test_size_bounds_a_log_and_what_is_left_has_no_hole(sizes: list[int], limit: int) -> None:
    log = RetainedLog(HOUR, limit)
    for offset, size in enumerate(sizes):
        log.append(record(offset, size=size))
        assert log.size_bytes <= limit or len(log) == 1
    assert offsets(log.read(0, len(sizes) + 1)) == list(range(log.first, log.end))
    assert log.end == len(sizes)
    assert len(log) == log.end - log.first
