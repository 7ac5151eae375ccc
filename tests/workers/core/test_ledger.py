"""What may be committed is everything before the first record that is not finished."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stream.core.records import Log, Position, Topic
from workers.core.ledger import Ledger

LOG = Log(Topic.AUDIO, 0)
OTHER = Log(Topic.AUDIO, 1)


def opened(*offsets: int) -> Ledger:
    ledger = Ledger()
    for offset in offsets:
        ledger.open(Position(LOG, offset))
    return ledger


def test_nothing_is_finished_before_the_first_open_record() -> None:
    ledger = opened(5, 6, 7)
    ledger.close([Position(LOG, 6)])
    assert ledger.marks() == {LOG: 5}


def test_all_finished_means_the_next_offset() -> None:
    ledger = opened(5, 6)
    ledger.close([Position(LOG, 6), Position(LOG, 5)])
    assert ledger.marks() == {LOG: 7}


def test_logs_are_apart_and_a_lost_log_is_forgotten() -> None:
    ledger = opened(1)
    ledger.open(Position(OTHER, 9))
    ledger.drop([LOG])
    ledger.close([Position(LOG, 1), Position(OTHER, 9)])
    assert ledger.marks() == {OTHER: 10}
    assert ledger.open_records() == 0


@given(st.integers(0, 50), st.data())
def test_the_mark_is_the_lowest_open_offset(first: int, data: st.DataObject) -> None:
    offsets = list(range(first, first + data.draw(st.integers(1, 30))))
    ledger = opened(*offsets)
    closed = data.draw(st.lists(st.sampled_from(offsets), unique=True))
    for offset in closed:
        before = ledger.marks()[LOG]
        ledger.close([Position(LOG, offset)])
        still_open = [o for o in offsets if o not in closed[: closed.index(offset) + 1]]
        assert ledger.marks()[LOG] == min(still_open, default=offsets[-1] + 1)
        assert ledger.marks()[LOG] >= before
