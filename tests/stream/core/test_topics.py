from __future__ import annotations

import pytest
from aiokafka.partitioner import murmur2 as reference_murmur2
from hypothesis import given
from hypothesis import strategies as st

from stream.core.errors import TooBig
from stream.core.records import Topic
from stream.core.topics import (
    RECORD_LIMIT_BYTES,
    RETENTION,
    check_size,
    murmur2,
    partition_of,
    share,
)


@given(st.binary(max_size=64))
def test_the_hash_is_kafkas(data: bytes) -> None:
    assert murmur2(data) == reference_murmur2(data) & 0xFFFFFFFF


@pytest.mark.parametrize(
    ("key", "expected"),
    # from Apache Kafka's own tests (UtilsTest.testMurmur2), as unsigned numbers
    [(b"21", -973932308), (b"foobar", -790332482), (b"a-little-bit-long-string", -985981536)],
)
def test_the_hash_is_that_of_kafkas_own_tests(key: bytes, expected: int) -> None:
    assert murmur2(key) == expected & 0xFFFFFFFF


@given(st.text(), st.integers(1, 100))
def test_a_partition_is_one_of_them(key: str, partitions: int) -> None:
    assert 0 <= partition_of(key, partitions) < partitions


def test_every_topic_says_how_long_it_keeps() -> None:
    assert set(RETENTION) == set(Topic)
    assert [topic for topic in Topic if RETENTION[topic].compacted] == [Topic.POLICIES]


def test_a_segment_is_short_beside_what_is_kept() -> None:
    for retention in RETENTION.values():
        assert retention.segment_s * 5 <= retention.keep_s


@given(st.lists(st.text(), unique=True, max_size=10), st.integers(1, 40))
def test_each_partition_has_one_owner_and_shares_differ_by_one_at_most(
    members: list[str], partitions: int
) -> None:
    shares = share(members, partitions)
    assert list(shares) == members
    if members:
        assert [each for owned in shares.values() for each in owned] == list(range(partitions))
        sizes = [len(owned) for owned in shares.values()]
        assert max(sizes) - min(sizes) <= 1


def test_a_record_may_be_as_large_as_the_limit() -> None:
    check_size("key", bytes(RECORD_LIMIT_BYTES - 8), {"name": b"1"})
    with pytest.raises(TooBig, match="1000001 bytes, expected at most 1000000"):
        check_size("key", bytes(RECORD_LIMIT_BYTES - 8), {"name": b"12"})
