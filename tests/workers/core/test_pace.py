"""Chunks get longer under load and shorter again after it, and don't go to and fro."""

from __future__ import annotations

import pytest

from workers.core.pace import Pace, doubled

LENGTHS_MS = (160, 320, 640)


def drive(pace: Pace, cost_s: dict[int, float], seconds: float, start: float = 0.0) -> list[int]:
    """One run for each chunk that is due; returns the lengths that were chosen."""
    now, chosen = start, []
    while now < start + seconds:
        chosen.append(pace.chunk_ms)
        pace.tell(now, cost_s[pace.chunk_ms])
        now += max(pace.chunk_ms / 1000, cost_s[pace.chunk_ms])
    return chosen


def costs(streams: int) -> dict[int, float]:
    """Seconds of the engine for a chunk of all streams, as it was measured."""
    each_s = {160: 0.0115, 320: 0.0138, 640: 0.025}
    return {length: streams * cost for length, cost in each_s.items()}


def test_with_slack_chunks_stay_short() -> None:
    assert set(drive(Pace(LENGTHS_MS), costs(5), 30)) == {160}


def test_they_get_longer_step_by_step_under_load() -> None:
    assert list(dict.fromkeys(drive(Pace(LENGTHS_MS), costs(25), 30))) == [160, 320, 640]


def test_after_the_load_they_get_short_again() -> None:
    pace = Pace(LENGTHS_MS)
    drive(pace, costs(25), 30)
    assert drive(pace, costs(2), 30, start=30.0)[-1] == 160


@pytest.mark.parametrize("streams", range(1, 30))
def test_under_a_steady_load_the_length_never_goes_back(streams: int) -> None:
    chosen = drive(Pace(LENGTHS_MS), costs(streams), 120)
    assert chosen == sorted(chosen)


def test_a_run_of_many_streams_counts_once() -> None:
    pace = Pace(LENGTHS_MS)
    for tick in range(100):
        for _ in range(20):
            pace.tell(tick * 0.16, 0.05)
    assert pace.chunk_ms == 160


@pytest.mark.parametrize(("busy", "spare"), [(0.75, True), (0.85, False)])
def test_better_answers_are_given_up_before_chunks_get_longer(busy: float, spare: bool) -> None:
    pace = Pace(LENGTHS_MS)
    drive(pace, {160: 0.16 * busy}, 10)
    assert (pace.is_spare, pace.chunk_ms) == (spare, 160)


@pytest.mark.parametrize(("busy", "calm"), [(0.45, True), (0.55, False)])
def test_better_partials_are_given_up_first(busy: float, calm: bool) -> None:
    pace = Pace(LENGTHS_MS)
    drive(pace, {160: 0.16 * busy}, 10)
    assert (pace.is_calm, pace.is_spare) == (calm, True)


@pytest.mark.parametrize("streams", range(1, 20))
def test_better_partials_that_cost_three_times_as_much_do_not_come_and_go(streams: int) -> None:
    pace = Pace((160,))
    changes = []
    for tick in range(1_000):
        took_s = streams * 0.007 * (3 if pace.is_calm else 1)
        pace.tell(tick * 0.16, min(took_s, 0.16))
        changes.append(pace.is_calm)
    assert changes == sorted(changes, reverse=True)


def test_better_answers_come_back_when_the_load_has_gone() -> None:
    pace = Pace((320,))
    drive(pace, {320: 0.3}, 10)
    drive(pace, {320: 0.1}, 3, start=10.0)
    assert pace.is_spare


def test_one_length_is_never_left() -> None:
    assert set(drive(Pace((320,)), {320: 0.3}, 20)) == {320}


def test_a_run_longer_than_the_window_counts_as_load() -> None:
    """A process that was stopped in mid-run finds that it took longer than anybody looks back."""
    pace = Pace(LENGTHS_MS, window_s=2.0)
    pace.tell(0.0, 0.1)
    pace.tell(1.0, 30.0)
    assert pace.chunk_ms == 320


def test_lengths_double_up_to_the_most() -> None:
    assert doubled(160, 640) == (160, 320, 640)
    assert doubled(160, 600) == (160, 320)
    assert doubled(500, 300) == (500,)
