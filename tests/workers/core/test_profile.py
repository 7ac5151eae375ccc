from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.core.messages import Rung
from workers.core.profile import LatencyProfile

LENGTH = 100

OBSERVATIONS = st.lists(
    st.tuples(
        st.sampled_from(list(Rung)),
        st.integers(0, 20_000),
        st.integers(1, 128),
        st.floats(min_value=1e-4, max_value=5.0),
        st.floats(min_value=0.0, max_value=200.0),
    ),
    max_size=40,
)


@given(OBSERVATIONS, st.sampled_from(list(Rung)), st.integers(0, 40_000), st.integers(1, 140))
def test_prediction_is_monotone_in_length_and_batch(
    observations: list[tuple[Rung, int, int, float, float]], rung: Rung, length: int, batch: int
) -> None:
    profile = LatencyProfile()
    for seen, seen_length, seen_batch, took_s, now in observations:
        profile.observe(seen, seen_length, seen_batch, took_s, now)
    here = profile.predict(rung, length, batch)
    assert here > 0
    assert profile.predict(rung, length * 2 + 1, batch) >= here * (1 - 1e-9)
    assert profile.predict(rung, length, batch + 1) >= here * (1 - 1e-9)


def teach(profile: LatencyProfile, batch: int, took_s: float, times: int, start: float) -> float:
    for step in range(times):
        profile.observe(Rung.DRAFT, LENGTH, batch, took_s, start + step * 0.1)
    return start + times * 0.1


@pytest.mark.parametrize("batch", [1, 5, 32])
def test_it_converges_to_the_95th_percentile(batch: int) -> None:
    profile, chance = LatencyProfile(), Random(7)
    for step in range(400):
        took_s = 0.010 * batch * math.exp(chance.gauss(0.0, 0.1))
        profile.observe(Rung.DRAFT, LENGTH, batch, took_s, step * 0.1)
    true_s = 0.010 * batch * math.exp(1.645 * 0.1)
    assert profile.predict(Rung.DRAFT, LENGTH, batch) == pytest.approx(true_s, rel=0.08)


def test_it_follows_a_change_in_both_directions() -> None:
    profile = LatencyProfile()
    now = teach(profile, 4, 0.010, 100, 0.0)
    assert profile.predict(Rung.DRAFT, LENGTH, 4) == pytest.approx(0.010, rel=0.02)
    now = teach(profile, 4, 0.030, 5, now)
    assert profile.predict(Rung.DRAFT, LENGTH, 4) == pytest.approx(0.030, rel=0.02)
    teach(profile, 4, 0.010, 70, now)
    assert profile.predict(Rung.DRAFT, LENGTH, 4) == pytest.approx(0.010, rel=0.02)


def test_one_slow_run_does_not_change_what_a_batch_is_compared_by() -> None:
    profile = LatencyProfile()
    now = teach(profile, 4, 0.010, 3, 0.0)
    teach(profile, 4, 0.500, 1, now)
    bucket = profile.bucket(LENGTH)
    assert profile.expect_bucket(Rung.DRAFT, bucket, 4) == pytest.approx(0.010)
    assert profile.predict(Rung.DRAFT, LENGTH, 4) == pytest.approx(0.500)


def test_with_nothing_observed_a_job_costs_the_initial_guess() -> None:
    profile = LatencyProfile(initial_s=0.003)
    assert profile.predict(Rung.REFINED, LENGTH, 1) == pytest.approx(0.003)
    assert profile.predict(Rung.REFINED, LENGTH, 4) == pytest.approx(0.012)


def test_an_unknown_rung_costs_as_the_next_cheaper_one_and_then_grows_in_its_shape() -> None:
    profile = LatencyProfile()
    profile.observe(Rung.DRAFT, LENGTH, 1, 0.010, 0.0)
    profile.observe(Rung.DRAFT, LENGTH, 8, 0.020, 0.1)
    assert profile.predict(Rung.VERIFIED, LENGTH, 8) == pytest.approx(0.020)
    profile.observe(Rung.VERIFIED, LENGTH, 1, 0.030, 0.2)
    assert profile.predict(Rung.VERIFIED, LENGTH, 8) == pytest.approx(0.060)


def test_what_was_slow_once_is_doubted_in_use_but_not_in_a_pause() -> None:
    profile = LatencyProfile(half_life_s=10.0)
    profile.observe(Rung.DRAFT, LENGTH, 1, 0.010, 0.0)
    profile.observe(Rung.VERIFIED, LENGTH, 1, 0.800, 0.0)
    profile.observe(Rung.DRAFT, LENGTH, 1, 0.010, 10_000.0)
    assert profile.predict(Rung.VERIFIED, LENGTH, 1) == pytest.approx(0.800)
    teach(profile, 1, 0.010, 1000, 10_000.0)
    assert profile.predict(Rung.VERIFIED, LENGTH, 1) == pytest.approx(0.100)


def test_it_tells_how_many_batches_as_large_have_taught_it() -> None:
    profile = LatencyProfile()
    for batch in (1, 4, 4, 9):
        profile.observe(Rung.DRAFT, 100 * batch, batch, 0.01, 0.0)
    assert [profile.seen(Rung.DRAFT, batch) for batch in (1, 2, 4, 5, 9, 11)] == [4, 3, 3, 1, 1, 0]
    assert profile.seen(Rung.VERIFIED, 1) == 0


def test_statistics_name_the_cells() -> None:
    profile = LatencyProfile()
    profile.observe(Rung.DRAFT, 4, 9, 0.010, 0.0)
    assert profile.statistics() == {"draft/4/10": 0.010}


def test_speech_behind_silence_is_not_believed_to_take_seconds() -> None:
    """Silence costs a tenth of speech, so the first words are far above the median of silence."""
    profile = LatencyProfile()
    took_s = [0.0014] * 3 + [0.061] + [0.018, 0.025] * 10
    for step, each in enumerate(took_s):
        profile.observe(Rung.VERIFIED, 2_560, 1, each, step * 0.16)
        assert profile.predict(Rung.VERIFIED, 2_560, 1) <= 0.061
    assert profile.predict(Rung.VERIFIED, 2_560, 1) >= 0.025


def test_a_rung_that_was_never_seen_here_costs_what_it_does_there() -> None:
    there = LatencyProfile()
    here = LatencyProfile(like=there)
    there.observe(Rung.VERIFIED, LENGTH, 4, 0.02, 0.0)
    assert here.predict(Rung.VERIFIED, LENGTH, 4) == there.predict(Rung.VERIFIED, LENGTH, 4)
    there.observe(Rung.VERIFIED, LENGTH, 4, 0.04, 0.0)
    assert here.predict(Rung.VERIFIED, LENGTH, 4) == there.predict(Rung.VERIFIED, LENGTH, 4)
    here.observe(Rung.VERIFIED, LENGTH, 4, 0.01, 0.0)
    assert here.predict(Rung.VERIFIED, LENGTH, 4) == 0.01
    assert there.predict(Rung.VERIFIED, LENGTH, 4) > 0.02
