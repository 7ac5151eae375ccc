"""A publisher's audio: cut on the grid, nothing lost, and its pace."""

from hypothesis import given
from hypothesis import strategies as st

from stream.core.feed import GRID_SAMPLES, LONGEST_SAMPLES, Feed, make_epoch
from stream.core.records import SAMPLE_RATE, AudioChunk
from stream.core.requests import Open

OPEN = Open(channel="demo", language="de", translate=("en",), budget_ms=150)


def pcm(samples: int) -> bytes:
    return b"".join(at.to_bytes(2, "little") for at in range(samples))


def test_a_second_becomes_ten_records_of_100_ms() -> None:
    feed = Feed(OPEN, "e", now=5.0)
    chunks = feed.put(pcm(SAMPLE_RATE), now=6.0)
    assert [chunk.start for chunk in chunks] == list(range(0, SAMPLE_RATE, LONGEST_SAMPLES))
    assert {chunk.arrived for chunk in chunks} == {6.0}
    assert not any(chunk.last for chunk in chunks)


def test_a_record_says_what_the_open_said() -> None:
    chunk = Feed(OPEN, "e", now=0.0).put(pcm(GRID_SAMPLES), now=1.0)[0]
    assert chunk == AudioChunk(
        channel="demo",
        epoch="e",
        start=0,
        pcm=pcm(GRID_SAMPLES),
        arrived=1.0,
        budget_ms=150,
        language="de",
        translate=("en",),
    )


def test_small_pieces_wait_for_each_other() -> None:
    feed = Feed(OPEN, "e", now=0.0)
    assert feed.put(pcm(200), now=0.1) == []
    assert [len(chunk.pcm) // 2 for chunk in feed.put(pcm(200), now=0.2)] == [GRID_SAMPLES]
    assert [len(chunk.pcm) // 2 for chunk in feed.end(b"", now=0.3)] == [80]


def test_the_end_is_told_even_with_nothing_left() -> None:
    (chunk,) = Feed(OPEN, "e", now=0.0).end(b"", now=1.0)
    assert chunk.last
    assert chunk.pcm == b""


@given(st.lists(st.integers(0, 5_000), max_size=20))
def test_nothing_is_lost_doubled_or_off_the_grid(sizes: list[int]) -> None:
    feed, sent, chunks = Feed(OPEN, "e", now=0.0), b"", []
    for number, size in enumerate(sizes):
        piece = bytes([number]) * (2 * size)
        sent += piece
        chunks += feed.put(piece, now=0.0)
    chunks += feed.end(b"", now=0.0)
    assert b"".join(chunk.pcm for chunk in chunks) == sent
    at = 0
    for chunk in chunks:
        assert chunk.start == at
        assert chunk.start % GRID_SAMPLES == 0
        assert chunk.last or GRID_SAMPLES <= len(chunk.pcm) // 2 <= LONGEST_SAMPLES
        at += len(chunk.pcm) // 2
    assert [chunk.last for chunk in chunks] == [False] * (len(chunks) - 1) + [True]


def test_audio_ahead_of_time_is_counted() -> None:
    feed = Feed(OPEN, "e", now=10.0)
    feed.put(pcm(SAMPLE_RATE // 4) * 12, now=10.0)
    assert feed.ahead_s(10.0) == 3.0
    assert feed.ahead_s(12.0) == 1.0


def test_a_pause_is_not_saved_up() -> None:
    feed = Feed(OPEN, "e", now=0.0)
    assert feed.ahead_s(100.0) == 0.0
    feed.put(pcm(SAMPLE_RATE // 4) * 8, now=100.0)
    assert feed.ahead_s(100.0) == 2.0


@given(st.floats(0, 4e9), st.floats(0.001, 1e6), st.integers(0), st.integers(0))
def test_epochs_sort_by_time(now: float, later: float, chance: int, other: int) -> None:
    first, second = make_epoch(now, chance), make_epoch(now + later + 0.001, other)
    assert first < second
    assert len(first) == 20
