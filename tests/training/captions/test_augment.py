"""Varying a recording keeps its length, its words' places and its numbers finite."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("soundfile")

from training.captions import augment  # noqa: E402
from training.captions.audio import Samples  # noqa: E402
from training.captions.features import LogMel  # noqa: E402

CPU = torch.device("cpu")


def tone(seconds: float, hz: float) -> Samples:
    time = np.arange(int(seconds * 16000)) / 16000
    return (12000 * np.sin(2 * np.pi * hz * time)).astype(np.int16)


def test_a_bank_read_at_speed_one_gives_the_samples_back() -> None:
    waves = [tone(0.3, 200), tone(0.2, 300)]
    bank = augment.WaveBank(waves, CPU)
    read = bank.read(torch.tensor([1, 0]), torch.ones(2), 5000)
    torch.testing.assert_close(read[0, :3200], torch.from_numpy(waves[1]).float() / 32768)
    torch.testing.assert_close(read[1, :4800], torch.from_numpy(waves[0]).float() / 32768)
    assert not read[0, 3200:].any()


@pytest.mark.parametrize("speed", [0.9, 1.12])
def test_speed_moves_pitch_and_length_alike(speed: float) -> None:
    bank = augment.WaveBank([tone(0.5, 400)], CPU)
    read = bank.read(torch.tensor([0]), torch.tensor([speed]), 12000)[0]
    expected = 12000 / 32768 * torch.sin(2 * torch.pi * 400 * speed * torch.arange(12000) / 16000)
    length = int(8000 / speed)
    torch.testing.assert_close(
        read[100 : length - 100], expected[100 : length - 100], atol=5e-3, rtol=0
    )
    assert not read[length + 1 :].any()


def test_noise_is_added_at_the_ratio_that_was_drawn() -> None:
    wave, noise = torch.randn(1, 16000), torch.randn(1, 16000) * 7
    added = augment.at_ratio(wave, noise, 10.0, 10.0)
    ratio = 10 * torch.log10(wave.square().mean() / added.square().mean())
    assert abs(float(ratio) - 10) < 0.05


def test_every_variation_stays_finite_and_in_shape() -> None:
    torch.manual_seed(0)
    bank = augment.WaveBank([tone(1.0, 300), np.zeros(16000, np.int16)], CPU)
    waves = bank.read(torch.tensor([0, 1, 0, 1]), torch.ones(4), 16000)
    mels = LogMel()(augment.vary_waves(waves, bank, bank))
    varied = augment.mask_mels(augment.tone_mels(augment.warp_mels(mels)), 2.5)
    assert varied.shape == (4, 100, 80)
    assert torch.isfinite(varied).all()


def test_masks_hide_more_time_when_they_should() -> None:
    torch.manual_seed(0)
    features = torch.ones(8, 800, 80)
    hidden = [float((augment.mask_mels(features, s) == 0).all(2).float().mean()) for s in (1, 2.5)]
    assert 0.05 < hidden[0] < hidden[1] < 0.4
