"""Word errors, pruning and the exported graph."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("rapidfuzz")
pytest.importorskip("soundfile")
pytest.importorskip("flashlight.lib.text.decoder")
pytest.importorskip("onnxscript")

from training.captions import measure  # noqa: E402
from training.captions.blocks import Shape  # noqa: E402
from training.captions.export import discount_priors, export_step, quantise_step  # noqa: E402
from training.captions.greedy import collapse, edit_distance  # noqa: E402
from training.captions.model import Recogniser  # noqa: E402
from workers.engines.conformer.encoder import Encoder  # noqa: E402


def test_errors_are_counted_by_words_and_their_interval_holds_the_rate() -> None:
    errors = measure.word_errors(["A B C", "D"] * 20, ["A X C", "D"] * 20)
    low, high = errors.interval()
    assert errors.rate == 25
    assert 0 < low < 25 < high < 50


def test_repeats_collapse_and_blanks_part_them() -> None:
    assert collapse(np.array([0, 3, 3, 0, 3, 5, 5, 0])) == [3, 3, 5]
    assert edit_distance([1, 2, 3], [1, 3, 3, 4]) == 2
    assert edit_distance([], [1, 1]) == 2
    assert edit_distance([1, 2], []) == 2


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_exported_graph_says_what_the_network_says(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = Recogniser(
        Shape(width=128, layers=3, heads=2, feedforward=128, kernel=5, channels=8)
    ).eval()
    priors = np.linspace(0.01, 0.05, 41)
    discount_priors(net, priors, 0.5)
    export_step(net, tmp_path / "step.fp32.onnx", left=16)
    quantise_step(tmp_path / "step.fp32.onnx", tmp_path / "step.onnx")
    wave = (np.random.default_rng(0).normal(size=20000) * 3000).astype(np.int16)
    with torch.no_grad():
        whole, _ = measure.log_probs(net, [wave], 8, 16)[0]
    for name, most in (("step.fp32.onnx", 1e-3), ("step.onnx", 0.3)):
        phones, _ = measure.stream_log_probs(Encoder(tmp_path / name), wave, 8)
        assert np.abs(phones - whole).max() < most
    assert (tmp_path / "step.onnx").stat().st_size < (tmp_path / "step.fp32.onnx").stat().st_size
