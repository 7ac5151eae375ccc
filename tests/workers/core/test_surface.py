from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.surface import BATCHES, Knot, Surface, batch_column, isotonic, length_bucket

SECONDS = st.floats(min_value=1e-4, max_value=10.0)
KNOTS = st.dictionaries(
    st.tuples(st.integers(0, 40), st.integers(0, len(BATCHES) - 1)),
    st.builds(Knot, SECONDS, st.integers(1, 64)),
    min_size=1,
    max_size=25,
)


@given(KNOTS, st.integers(0, 45), st.integers(1, 140))
def test_more_jobs_or_longer_ones_never_cost_less(
    knots: dict[tuple[int, int], Knot], bucket: int, batch: int
) -> None:
    surface = Surface(knots)
    here = surface.seconds(bucket, batch)
    assert here > 0
    assert surface.seconds(bucket + 1, batch) >= here * (1 - 1e-9)
    assert surface.seconds(bucket, batch + 1) >= here * (1 - 1e-9)


def test_knots_that_agree_are_kept_and_joined_by_lines() -> None:
    surface = Surface({(4, batch_column(8)): Knot(0.020, 9), (4, batch_column(4)): Knot(0.010, 9)})
    assert surface.seconds(4, 4) == pytest.approx(0.010)
    assert surface.seconds(4, 6) == pytest.approx(0.015)
    assert surface.seconds(4, 8) == pytest.approx(0.020)


def test_beyond_what_is_known_time_grows_in_proportion_and_never_shrinks_below() -> None:
    surface = Surface({(4, batch_column(4)): Knot(0.010, 9)})
    assert surface.seconds(4, 8) == pytest.approx(0.020)
    assert surface.seconds(6, 4) == pytest.approx(0.020)
    assert surface.seconds(2, 1) == pytest.approx(0.010)


def test_a_row_with_gaps_takes_the_shape_of_the_fullest() -> None:
    flat = {(4, column): Knot(0.010, 9) for column in range(len(BATCHES))}
    surface = Surface(flat | {(8, 0): Knot(0.030, 9)})
    assert surface.seconds(8, 32) == pytest.approx(0.030)


def test_contradicting_knots_meet_by_weight() -> None:
    surface = Surface({(4, 0): Knot(0.040, 1), (4, 1): Knot(0.010, 2)})
    assert surface.seconds(4, 1) == pytest.approx(0.020)
    assert surface.seconds(4, 2) == pytest.approx(0.020)


@given(st.lists(st.tuples(SECONDS, st.integers(1, 9)), min_size=1, max_size=20))
def test_isotonic_regression_is_ordered_keeps_the_mean_and_stands_still(
    points: list[tuple[float, int]],
) -> None:
    values, weights = [value for value, _ in points], [weight for _, weight in points]
    found = isotonic(values, weights)
    assert found == sorted(found)
    before = sum(value * weight for value, weight in points)
    assert sum(v * w for v, w in zip(found, weights, strict=True)) == pytest.approx(before)
    assert isotonic(found, weights) == pytest.approx(found)


@given(st.integers(0, 10**7))
def test_a_bucket_is_half_an_octave(length: int) -> None:
    assert length_bucket(length) <= length_bucket(length + 1)
    assert length <= 2 ** (length_bucket(length) / 2) * (1 + 1e-9)
