"""Features are those of training, however the audio is cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.speech import read_speech
from workers.engines.conformer.features import FRAME_SAMPLES, Floats, LogMel

SAMPLES = np.frombuffer(read_speech(), "<i2")[20_000 : 20_000 + 75 * FRAME_SAMPLES]


def mels_of(borders: list[int]) -> Floats:
    """Mels of SAMPLES, cut at these frames."""
    mels, tail, parts = LogMel(), LogMel.START, []
    for piece in np.split(SAMPLES, [frame * FRAME_SAMPLES for frame in sorted(borders)]):
        part, tail = mels.step(tail, piece)
        parts.append(part)
    return np.concatenate(parts)


def test_they_are_what_the_recogniser_was_trained_on() -> None:
    torch = pytest.importorskip("torch")
    from training.captions.features import LogMel as Trained

    waves = torch.from_numpy(SAMPLES.copy()).float()[None] / 32768
    expected = Trained()(waves)[0].numpy()
    assert np.abs(mels_of([]) - expected).max() < 2e-3


@settings(max_examples=20)
@given(st.lists(st.integers(0, 75), max_size=6))
def test_they_do_not_depend_on_how_the_audio_was_cut(borders: list[int]) -> None:
    assert np.array_equal(mels_of(borders), mels_of([]))


def test_silence_has_the_floor() -> None:
    mels, _ = LogMel().step(LogMel.START, np.zeros(1920, np.int16))
    assert mels.shape == (12, 80)
    assert np.allclose(mels, np.log(1e-6))
