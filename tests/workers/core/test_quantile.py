from __future__ import annotations

from collections import deque
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.quantile import QuantileWindow

SAMPLES = st.lists(st.floats(min_value=0.001, max_value=10.0), min_size=1, max_size=60)


@given(SAMPLES, st.floats(min_value=0.0, max_value=1.0), st.integers(1, 20))
def test_it_is_the_exact_quantile_of_the_latest(
    samples: list[float], quantile: float, size: int
) -> None:
    window = QuantileWindow(size)
    for sample in samples:
        window.append(sample)
    latest = sorted(deque(samples, maxlen=size))
    assert len(window) == len(latest)
    assert window.value(quantile) == latest[max(ceil(quantile * len(latest)), 1) - 1]


def test_four_slow_runs_of_sixty_four_move_the_95th_percentile() -> None:
    window = QuantileWindow()
    for _ in range(64):
        window.append(1.0)
    for _ in range(3):
        window.append(9.0)
    assert window.value(0.95) == 1.0
    window.append(9.0)
    assert window.value(0.95) == 9.0


def test_scaled_samples_still_leave_in_their_order() -> None:
    window = QuantileWindow(2)
    for sample in (4.0, 2.0):
        window.append(sample)
    window.scale(0.5)
    window.append(8.0)
    assert (window.value(0.0), window.value(1.0)) == (1.0, 8.0)


def test_fullness_runs_from_nothing_to_one() -> None:
    window = QuantileWindow(4)
    assert window.fullness == 0.0
    for _ in range(6):
        window.append(1.0)
    assert window.fullness == pytest.approx(1.0)
