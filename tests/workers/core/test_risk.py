from __future__ import annotations

import pytest

from workers.core.risk import FIRST, NEWEST, OPEN, PRIOR, Risk


def test_nothing_is_feared_where_little_comes_and_something_where_much_does() -> None:
    assert Risk().ask(load=0.05, waiting=3, until=1.0) == 0.0
    assert Risk().ask(load=0.6, waiting=3, until=1.0) == FIRST


def test_a_loss_makes_all_open_moments_cases_of_loss() -> None:
    risk = Risk()
    risk.ask(0.0, 0, until=1.0)
    risk.ask(0.0, 8, until=1.0)
    risk.lost()
    assert risk.ask(0.0, 0, until=2.0) == pytest.approx(1 / (PRIOR + 1))
    assert risk.ask(0.0, 15, until=2.0) == pytest.approx(1 / (PRIOR + 1))
    assert risk.ask(0.0, 1, until=2.0) == 0.0


def test_an_empty_queue_settles_a_moment_once_what_was_begun_is_over() -> None:
    risk = Risk()
    risk.ask(1.0, 0, until=1.0)
    risk.empty(0.9)
    assert risk.ask(1.0, 0, until=5.0) == FIRST
    risk.empty(1.0)
    assert risk.ask(1.0, 0, until=5.0) == pytest.approx(FIRST * (1 - 1 / (PRIOR + 1)))


def test_what_mostly_happens_is_learned() -> None:
    risk = Risk()
    for at in range(1000):
        risk.ask(2.0, 40, until=at)
        if at % 4 == 0:
            risk.lost()
        else:
            risk.empty(at)
    assert risk.ask(2.0, 40, until=0.0) == pytest.approx(0.25, abs=0.05)


def test_the_first_cases_count_most_and_the_newest_never_less_than_its_share() -> None:
    risk = Risk()
    for at in range(1000):
        risk.ask(0.0, 0, until=at)
        risk.empty(at)
    risk.ask(0.0, 0, until=1000)
    risk.lost()
    assert risk.ask(0.0, 0, until=1001) == pytest.approx(NEWEST)


def test_open_moments_are_bounded() -> None:
    risk = Risk()
    for _ in range(3 * OPEN):
        risk.ask(0.0, 0, until=1.0)
    assert len(risk._open) == OPEN
