from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.core.messages import Rung
from workers.core.ladder import Ladder, above
from workers.core.profile import LatencyProfile

RUNGS = (Rung.DRAFT, Rung.VERIFIED, Rung.REFINED)
TIMES_S = (0.010, 0.040, 0.200)


def ladder(guard_s: float = 0.002) -> Ladder:
    profile = LatencyProfile()
    for rung, took_s in zip(RUNGS, TIMES_S, strict=True):
        profile.observe(rung, 100, 1, took_s, 0.0)
    return Ladder(profile, guard_s)


@pytest.mark.parametrize(
    ("slack_s", "expected"),
    [
        (0.011, None),
        (0.013, Rung.DRAFT),
        (0.041, Rung.DRAFT),
        (0.043, Rung.VERIFIED),
        (1.0, Rung.REFINED),
        (-1.0, None),
    ],
)
def test_the_highest_rung_that_fits_slack_minus_guard(
    slack_s: float, expected: Rung | None
) -> None:
    assert ladder().highest(RUNGS, 100, slack_s) is expected


def test_climbing_goes_above_what_is_done_and_ends_at_the_top() -> None:
    climb = ladder()
    assert climb.next_rung(Rung.DRAFT, RUNGS, 100, 0.1) is Rung.VERIFIED
    assert climb.next_rung(Rung.DRAFT, RUNGS, 100, 1.0) is Rung.REFINED
    assert climb.next_rung(Rung.VERIFIED, RUNGS, 100, 0.1) is None
    assert climb.next_rung(Rung.REFINED, RUNGS, 100, 1.0) is None


def test_above_keeps_order() -> None:
    assert above(Rung.DRAFT, RUNGS) == (Rung.VERIFIED, Rung.REFINED)


@given(st.floats(-1, 1), st.floats(0, 1), st.integers(1, 32))
def test_more_slack_never_means_a_lower_rung(slack_s: float, more_s: float, batch: int) -> None:
    order: list[Rung | None] = [None, *RUNGS]
    climb = ladder()
    lower = climb.highest(RUNGS, 100, slack_s, batch)
    higher = climb.highest(RUNGS, 100, slack_s + more_s, batch)
    assert order.index(higher) >= order.index(lower)
