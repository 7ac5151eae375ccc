from __future__ import annotations

import pytest

from workers.core.pauses import KEPT, Pauses


def seen(*lengths_s: float) -> Pauses:
    """After pauses of these lengths, each begun twice as a schedule does that is asked again."""
    pauses, now = Pauses(), 0.0
    for length_s in lengths_s:
        pauses.begin(now)
        pauses.begin(now + length_s / 2)
        pauses.end(now + length_s)
        now += length_s + 1.0
    return pauses


def test_before_anything_was_seen_nobody_is_expected() -> None:
    assert Pauses().outlast(1e9, now=0.0) == 1.0


def test_a_pause_goes_on_as_those_did_that_were_as_long() -> None:
    pauses = seen(1, 1, 1, 1, 2, 3, 4, 5)
    assert pauses.outlast(1.5, now=100.0) == pytest.approx(4 / 8)
    pauses.begin(100.0)
    assert pauses.outlast(1.5, now=101.0) == pytest.approx(3 / 4)


def test_one_that_outlasts_nearly_all_says_no_more_than_the_others() -> None:
    pauses = seen(1, 1, 1, 1, 2)
    pauses.begin(100.0)
    assert pauses.outlast(0.5, now=101.5) == 1.0
    assert pauses.outlast(1.5, now=101.5) == pytest.approx(1 / 5)


def test_who_comes_while_others_wait_ends_no_pause_and_old_ones_are_forgotten() -> None:
    pauses = seen(*[1.0] * 10, *[3.0] * KEPT)
    pauses.end(1e6)
    assert pauses.outlast(2.0, now=1e6) == 1.0
