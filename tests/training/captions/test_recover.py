"""A network read back out of its exported graph."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")

from training.captions.blocks import Shape  # noqa: E402
from training.captions.checkpoint import load_recogniser  # noqa: E402
from training.captions.export import discount_priors, export_step, quantise_step  # noqa: E402
from training.captions.model import Recogniser  # noqa: E402
from training.captions.recover import (  # noqa: E402
    recover_weights,
    restore_priors,
    save_recovered,
)

SHAPE = Shape(width=128, layers=3, heads=2, feedforward=192, kernel=5, channels=8)


@pytest.mark.filterwarnings("ignore")
def test_exported_weights_come_back_but_for_the_rounding(tmp_path: Path) -> None:
    torch.manual_seed(4)
    net = Recogniser(SHAPE).eval()
    for parameter in net.parameters():  # equal constants would be written once
        parameter.data += torch.randn_like(parameter) * 0.05
    export_step(net, tmp_path / "fp32.onnx", 16)
    quantise_step(tmp_path / "fp32.onnx", tmp_path / "step.onnx")
    shape, weights = recover_weights(tmp_path / "step.onnx")
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
