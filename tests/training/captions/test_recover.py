"""An exported network, and what is read back out of its graph."""

import warnings
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
from training.captions.checkpoint import load_recogniser  # noqa: E402
from training.captions.export import discount_priors, export_step, quantise_step  # noqa: E402
from training.captions.model import Recogniser  # noqa: E402
from training.captions.recover import (  # noqa: E402
    recover_weights,
    restore_priors,
    save_recovered,
)
from workers.engines.conformer.encoder import Encoder  # noqa: E402

Exported = tuple[Recogniser, Path]
SHAPE = Shape(width=128, layers=3, heads=2, feedforward=192, kernel=5, channels=8)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A network and the folder of its graphs: to export takes half a minute."""
    folder = tmp_path_factory.mktemp("exported")
    torch.manual_seed(4)
    net = Recogniser(SHAPE).eval()
    for parameter in net.parameters():  # equal constants would be written once
        parameter.data += torch.randn_like(parameter) * 0.05
    discount_priors(net, np.linspace(0.01, 0.05, 41), 0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        export_step(net, folder / "fp32.onnx", 16)
    quantise_step(folder / "fp32.onnx", folder / "step.onnx")
    return net, folder


def test_the_exported_graph_says_what_the_network_says(exported: Exported) -> None:
    net, folder = exported
    wave = (np.random.default_rng(0).normal(size=20000) * 3000).astype(np.int16)
    with torch.no_grad():
        whole, _ = measure.log_probs(net, [wave], 8, 16)[0]
    for name, most in (("fp32.onnx", 1e-3), ("step.onnx", 0.3)):
        phones, _ = measure.stream_log_probs(Encoder(folder / name), wave, 8)
        assert np.abs(phones - whole).max() < most
    assert (folder / "step.onnx").stat().st_size < (folder / "fp32.onnx").stat().st_size


def test_exported_weights_come_back_but_for_the_rounding(
    exported: Exported, tmp_path: Path
) -> None:
    net, folder = exported
    shape, weights = recover_weights(folder / "step.onnx")
    assert shape == SHAPE
    for name, value in net.state_dict().items():
        error = (weights[name] - value).square().mean().sqrt()
        assert error <= 0.01 * value.abs().max(), name
    save_recovered(tmp_path / "found", shape, weights, 7)
    again = load_recogniser(tmp_path / "found")
    torch.testing.assert_close(again.phones.bias, net.phones.bias)


def test_priors_are_found_again() -> None:
    torch.manual_seed(0)
    net = Recogniser(SHAPE)
    inner = torch.randn(4000, SHAPE.width) * 2 + torch.randn(SHAPE.width)
    with torch.no_grad():
        before = net.phones.bias.clone()
        priors = net.phones(inner).softmax(-1).mean(0).double().numpy() + 1e-9
        discount_priors(net, priors, 0.5)
        taken = restore_priors(net.phones(inner).numpy(), 0.5)
        found = net.phones.bias.numpy() + taken
    np.testing.assert_allclose(found, before.numpy(), atol=1e-3)
