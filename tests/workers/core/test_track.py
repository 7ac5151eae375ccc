"""A track gives each sample once, again after a rewind, and each record back once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stream.core.records import Log, Position, Topic
from workers.core.track import Track

LOG = Log(Topic.AUDIO, 0)


def filled(*sizes: int, start: int = 0) -> tuple[Track, bytes]:
    """A track of pieces of so many samples, each sample with a value of its own."""
    track, whole = Track("e", start), b""
    for offset, size in enumerate(sizes):
        at = len(whole) // 2
        pcm = b"".join((n % 65536).to_bytes(2, "little") for n in range(at, at + size))
        track.append(pcm, float(offset), offset + 0.5, Position(LOG, offset))
        whole += pcm
    return track, whole


def test_a_record_comes_back_when_all_of_it_is_settled() -> None:
    track, _ = filled(100, 50)
    track.take(150)
    assert track.settle(99) == ()
    assert track.settle(100) == (Position(LOG, 0),)
    assert track.settle(150) == (Position(LOG, 1),)


def test_what_is_due_ends_on_the_grid_or_where_a_segment_ends() -> None:
    track, _ = filled(100, 50)
    assert track.due(200, 0) == 0
    assert track.due(60, 0) == 120
    assert track.due(60, 140) == 140
    assert track.due(60, 151) == 120
    track.take(120)
    assert track.due(60, 120) == 0
    assert track.due(60, 140) == 20
    track.complete_with(over=True)
    assert track.due(60, 0) == 30


def test_nothing_is_settled_that_was_not_sent() -> None:
    track, _ = filled(100)
    track.take(40)
    track.settle(100)
    assert track.settled == 40


def test_the_piece_of_a_sample_tells_when_it_arrived() -> None:
    track, _ = filled(100, 50)
    piece = track.piece_at(101)
    assert piece is not None
    assert (piece.arrived, piece.read) == (1.0, 1.5)


def test_the_last_take_of_a_complete_track_is_its_finish() -> None:
    track, _ = filled(100)
    track.complete_with(over=True)
    track.take(60)
    assert not track.finishing
    track.take(60)
    assert track.finishing


def test_a_complete_track_without_audio_can_be_finished() -> None:
    track = Track("e", 0)
    track.append(b"", 0.0, 0.0, Position(LOG, 0))
    track.complete_with(over=True)
    assert track.take(10) == b""
    assert track.finishing
    assert track.skip() == (Position(LOG, 0),)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("take"), st.integers(1, 300)),
        st.tuples(st.just("settle"), st.integers(0, 900)),
        st.tuples(st.just("rewind"), st.just(0)),
    ),
    max_size=30,
)


@given(st.lists(st.integers(0, 200), min_size=1, max_size=6), st.integers(0, 5), steps)
def test_what_is_taken_continues_what_was_sent(
    sizes: list[int], start: int, plan: list[tuple[str, int]]
) -> None:
    track, whole = filled(*sizes, start=start)
    finished: list[Position] = []
    for step, value in plan:
        if step == "take":
            begin = (track.sent - start) * 2
            pcm = track.take(value)
            assert pcm == whole[begin : begin + len(pcm)]
        elif step == "settle":
            finished += track.settle(value)
        else:
            track.rewind()
        assert start <= track.settled <= track.sent <= track.received
    finished += track.skip()
    assert finished == [Position(LOG, offset) for offset in range(len(sizes))]
