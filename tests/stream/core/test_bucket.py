"""The token bucket: a burst, and then the rate."""

from hypothesis import given
from hypothesis import strategies as st

from stream.core.bucket import Bucket


def test_a_burst_passes_and_then_the_rate() -> None:
    bucket = Bucket(rate=10, burst=3, now=0.0)
    assert [bucket.take(1, 0.0) for _ in range(4)] == [True, True, True, False]
    assert not bucket.take(1, 0.05)
    assert bucket.take(1, 0.1)


def test_what_is_refused_costs_nothing() -> None:
    bucket = Bucket(rate=1, burst=5, now=0.0)
    assert not bucket.take(6, 0.0)
    assert bucket.take(5, 0.0)


def test_a_clock_that_steps_back_gives_nothing() -> None:
    bucket = Bucket(rate=10, burst=1, now=10.0)
    assert bucket.take(1, 10.0)
    assert not bucket.take(1, 9.0)


@given(
    st.lists(st.tuples(st.floats(0, 2), st.floats(0.1, 5)), max_size=40),
    st.floats(0.1, 20),
    st.floats(0.1, 20),
)
def test_no_more_than_burst_and_rate_pass(
    takes: list[tuple[float, float]], rate: float, burst: float
) -> None:
    bucket, now, taken = Bucket(rate, burst, 0.0), 0.0, 0.0
    for wait, amount in takes:
        now += wait
        taken += amount if bucket.take(amount, now) else 0.0
    assert taken <= burst + rate * now + 1e-6
