from __future__ import annotations

import pytest

from workers.core.yielding import FIRST, Yielding


def test_half_of_what_a_run_still_takes_is_missed_by_those_who_come_at_any_moment() -> None:
    yielding = Yielding(interruptible=True)
    assert yielding.cost == FIRST / 2
    for _ in range(200):
        yielding.learn(left_s=0.1, took_s=0.02)
    assert yielding.cost == pytest.approx(0.1, rel=0.01)


def test_what_took_no_less_than_thought_or_was_asked_at_its_end_says_nothing_better() -> None:
    yielding = Yielding(interruptible=True)
    for _ in range(200):
        yielding.learn(left_s=0.1, took_s=0.5)
        yielding.learn(left_s=-0.01, took_s=0.0)
    assert yielding.cost == pytest.approx(0.5, rel=0.01)


def test_what_cannot_be_broken_off_costs_all_its_time() -> None:
    assert Yielding(interruptible=False).cost == 1.0
