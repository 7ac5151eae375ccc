"""How long each topic keeps its records, and which partition a key belongs to (design: Kafka)."""

from __future__ import annotations

from typing import NamedTuple

from stream.core.errors import TooBig
from stream.core.records import Headers, Topic

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR

RECORD_LIMIT_BYTES = 1_000_000
"""Key, value and headers of one record together; a broker's own default bound is 1 MiB."""


class Retention(NamedTuple):
    """Records older than `keep_s` go, a segment of `segment_s` at a time.

    A compacted topic keeps the newest record of each key for good.
    """

    keep_s: int
    segment_s: int
    compacted: bool = False


RETENTION: dict[Topic, Retention] = {
    Topic.AUDIO: Retention(15 * _MINUTE, _MINUTE),
    Topic.POSTS: Retention(_DAY, _HOUR),
    Topic.TEXTS: Retention(_DAY, _HOUR),
    Topic.PARTIALS: Retention(5 * _MINUTE, _MINUTE),
    Topic.CAPTIONS: Retention(7 * _DAY, _DAY),
    Topic.TRANSLATIONS: Retention(7 * _DAY, _DAY),
    Topic.VERDICTS: Retention(7 * _DAY, _DAY),
    Topic.EVENTS: Retention(7 * _DAY, _DAY),
    Topic.POLICIES: Retention(7 * _DAY, _DAY, compacted=True),
    Topic.DEAD_LETTERS: Retention(14 * _DAY, _DAY),
}


def check_size(key: str, value: bytes, headers: Headers) -> None:
    """Raises TooBig for a record over the limit."""
    size = len(key) + len(value) + sum(len(name) + len(each) for name, each in headers.items())
    if size > RECORD_LIMIT_BYTES:
        raise TooBig("record", f"{size} bytes", f"at most {RECORD_LIMIT_BYTES}")


def share(members: list[str], partitions: int) -> dict[str, range]:
    """Kafka's range assignment: a member has the same partitions of every topic."""
    each, more = divmod(partitions, max(len(members), 1))
    shares: dict[str, range] = {}
    start = 0
    for place, member in enumerate(members):
        stop = start + each + (place < more)
        shares[member] = range(start, stop)
        start = stop
    return shares


def partition_of(key: str, partitions: int) -> int:
    """Where Apache Kafka's default partitioner puts a key, so that any producer agrees with us."""
    return (murmur2(key.encode()) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """Austin Appleby's MurmurHash2, 32 bit, with Kafka's seed; unsigned."""
    mix = 0x5BD1E995
    whole = len(data) & ~3
    found = 0x9747B28C ^ len(data)
    for place in range(0, whole, 4):
        word = int.from_bytes(data[place : place + 4], "little") * mix & 0xFFFFFFFF
        word = (word ^ word >> 24) * mix & 0xFFFFFFFF
        found = found * mix & 0xFFFFFFFF ^ word
    if rest := data[whole:]:
        found = (found ^ int.from_bytes(rest, "little")) * mix & 0xFFFFFFFF
    found = (found ^ found >> 13) * mix & 0xFFFFFFFF
    return found ^ found >> 15
