import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch")

from training.captions.batches import Epochs, Share, frames_at, make_buckets

SECONDS = st.lists(st.floats(0.7, 17.4), min_size=1, max_size=60)


@given(SECONDS, st.integers(0, 5))
def test_every_recording_comes_once_an_epoch_and_fits_its_bucket(
    seconds: list[float], seed: int
) -> None:
    samples = [int(s * 16000) for s in seconds]
    buckets = make_buckets(60.0)
    batches = Epochs(samples, buckets, seed).next_epoch()
    for batch in batches:
        bucket = buckets[batch.bucket]
        assert len(batch.rows) == bucket.rows
        for row, speed in zip(batch.rows, batch.speeds, strict=True):
            assert frames_at(samples[row], speed) <= bucket.frames
    assert {r for b in batches for r in b.rows} == set(range(len(samples)))


@given(SECONDS, st.integers(2, 4))
def test_processes_take_the_same_buckets_and_other_parts(seconds: list[float], world: int) -> None:
    samples = [int(s * 16000) for s in seconds]
    buckets = make_buckets(60.0)
    drawn = [Epochs(samples, buckets, 7, Share(r, world)).next_epoch() for r in range(world)]
    assert len({tuple(b.bucket for b in batches) for batches in drawn}) == 1
    covered = {r for batches in drawn for b in batches for r in b.rows}
    assert covered == set(range(len(samples)))


def test_the_same_seed_draws_the_same_epochs() -> None:
    samples = [16000 * (2 + i % 5) for i in range(40)]
    one, other = (Epochs(samples, make_buckets(60.0), 3) for _ in range(2))
    assert one.next_epoch() == other.next_epoch()
    assert one.next_epoch() == other.next_epoch()
