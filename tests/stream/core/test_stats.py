from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.core.stats import LATENCY_BOUNDS_MS, Counts, Histogram, log_bounds

VALUES = st.lists(st.floats(0.11, 90_000), min_size=1, max_size=50)


def histogram(values: list[float]) -> Histogram:
    found = Histogram()
    for value in values:
        found.observe(value)
    return found


@given(VALUES, st.floats(0.01, 1))
def test_a_quantile_is_at_most_one_bucket_too_high(values: list[float], share: float) -> None:
    rank = max(0, -(-int(share * len(values) * 1e6) // 1_000_000) - 1)
    exact = sorted(values)[rank]
    assert exact * 0.999 <= histogram(values).quantile(share) <= exact * 1.26


@given(VALUES, VALUES)
def test_merged_histograms_are_one_of_all_values(one: list[float], other: list[float]) -> None:
    merged, whole = histogram(one), histogram(one + other)
    merged.merge(histogram(other))
    assert merged.counts == whole.counts
    assert merged.total == pytest.approx(whole.total)
    assert merged.summary()["p99"] == whole.summary()["p99"]


def test_cumulative_counts_end_with_all() -> None:
    assert list(histogram([0.05, 1e9]).cumulative())[-1] == (inf, 2)
    assert histogram([1e9]).quantile(0.5) == 1e9


def test_nothing_observed_is_zero() -> None:
    assert set(Histogram().summary().values()) == {0}


def test_bounds_are_equally_far_apart_on_a_logarithmic_scale() -> None:
    assert log_bounds(1, 1000, 1) == pytest.approx((1, 10, 100, 1000))
    assert LATENCY_BOUNDS_MS[0] == 0.1
    assert LATENCY_BOUNDS_MS[-1] == pytest.approx(100_000)


def test_counts_begin_at_zero_and_add_up() -> None:
    counts = Counts()
    counts.add("a")
    counts.add("a", 2)
    counts.merge({"a": 1, "b": 5}.items())
    assert counts == {"a": 4, "b": 5}
    assert counts["never"] == 0
