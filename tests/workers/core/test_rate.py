from __future__ import annotations

import pytest

from workers.core.rate import Rate


def test_a_steady_stream_is_seen_at_its_rate() -> None:
    rate = Rate()
    for step in range(1000):
        rate.count(step * 0.01)
    assert rate.per_second(9.99) == pytest.approx(100, rel=0.05)


def test_a_burst_is_seen_at_once_and_not_forgotten_at_once() -> None:
    rate = Rate(quick_s=0.2, slow_s=2.0)
    for step in range(100):
        rate.count(step * 0.001)
    assert rate.per_second(0.1) > 300
    assert rate.per_second(1.1) > 25


def test_silence_ends_at_zero() -> None:
    rate = Rate()
    assert rate.per_second(5.0) == 0.0
    rate.count(5.0, 10)
    assert rate.per_second(1000.0) == pytest.approx(0.0)
