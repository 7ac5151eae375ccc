from __future__ import annotations

from stream.adapters.kafka.watchdog import Watchdog
from stream.core.records import Log, Topic

LOG, OTHER = Log(Topic.POSTS, 0), Log(Topic.POSTS, 1)


def test_who_stands_behind_for_too_long_is_stuck() -> None:
    watchdog = Watchdog(stuck_s=5.0)
    assert [watchdog.is_stuck(now, {LOG: 3}, {LOG: 4}) for now in (0, 4.9, 5)] == [
        False,
        False,
        True,
    ]


def test_who_moves_is_not() -> None:
    watchdog = Watchdog(stuck_s=5.0)
    for now in range(20):
        assert not watchdog.is_stuck(now, {LOG: now}, {LOG: 100})


def test_who_has_read_all_is_not() -> None:
    watchdog = Watchdog(stuck_s=5.0)
    for now in range(20):
        assert not watchdog.is_stuck(now, {LOG: 4}, {LOG: 4})


def test_one_log_that_stands_is_enough() -> None:
    watchdog = Watchdog(stuck_s=5.0)
    ends = {LOG: 100, OTHER: 4}
    answers = [watchdog.is_stuck(now, {LOG: now, OTHER: 3}, ends) for now in range(6)]
    assert answers == [False] * 5 + [True]


def test_a_position_that_stays_unknown_is_stuck() -> None:
    watchdog = Watchdog(stuck_s=5.0)
    assert not watchdog.is_stuck(0, {LOG: None}, {LOG: 4})
    assert watchdog.is_stuck(5, {LOG: None}, {LOG: 4})


def test_a_log_that_was_away_starts_anew() -> None:
    watchdog = Watchdog(stuck_s=5.0)
    assert not watchdog.is_stuck(0, {LOG: 3}, {LOG: 4})
    assert not watchdog.is_stuck(4, {}, {})
    assert not watchdog.is_stuck(8, {LOG: 3}, {LOG: 4})
