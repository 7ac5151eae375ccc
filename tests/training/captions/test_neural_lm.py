"""The neural language model: texts in a row are apart, and the shipped graph says what it says."""

import json
import lzma
from itertools import count
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")

from training.captions.export_lm import export_lm  # noqa: E402
from training.captions.neural_lm import MARK, SHAPES, LmShape, NeuralLm, places_of  # noqa: E402
from training.captions.train_lm import LmRecipe, LmTrainer, load_lm, perplexity  # noqa: E402

SHAPE = LmShape(width=128, layers=2, heads=2, feedforward=256, pieces=160, longest=16)


def make_net(shape: LmShape = SHAPE) -> NeuralLm:
    torch.manual_seed(3)
    net = NeuralLm(shape).eval()
    for parameter in net.parameters():  # equal constants would be written once
        parameter.data += torch.randn_like(parameter) * 0.05
    return net


def test_a_text_in_a_row_knows_nothing_of_the_one_before() -> None:
    net, text = make_net(), [MARK, 7, 8, 9]
    row = torch.tensor([[MARK, 5, 6, *text]])
    torch.testing.assert_close(net(row)[0, 3:], net(torch.tensor([text]))[0])
    assert places_of(row).tolist() == [[0, 1, 2, 0, 1, 2, 3]]


def test_nothing_sees_what_follows() -> None:
    net = make_net()
    both = net(torch.tensor([[MARK, 7, 8, 9], [MARK, 7, 8, 5]]))
    torch.testing.assert_close(both[0, :3], both[1, :3])


@pytest.mark.filterwarnings("ignore")
def test_the_graph_scores_a_tree_as_the_network_scores_rows(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    net = make_net()
    export_lm(net, tmp_path / "lm.onnx")
    seen = np.tril(np.ones((5, 5), bool))
    seen[4, 3] = False  # nodes 3 and 4 both follow node 2
    feed = {
        "ids": np.array([MARK, 7, 8, 9, 5]),
        "places": np.array([0, 1, 2, 3, 3]),
        "seen": seen,
        "before": np.array([2, 2, 3, 4]),
        "after": np.array([9, 5, MARK, MARK]),
    }
    (found,) = onnxruntime.InferenceSession(tmp_path / "lm.onnx").run(None, feed)
    rows = torch.tensor([[MARK, 7, 8, 9], [MARK, 7, 8, 5]])
    logs = net(rows).log_softmax(-1).detach()
    wanted = [logs[0, 2, 9], logs[1, 2, 5], logs[0, 3, MARK], logs[1, 3, MARK]]
    assert found == pytest.approx([float(log) for log in wanted], abs=0.15)


def test_training_learns_and_leaves_what_it_learnt(tmp_path: Path) -> None:
    for name in ("novels", "spoken"):
        stream = np.array([5, 6, 7, 8, MARK] * 200, "<u2")
        (tmp_path / f"{name}.xz").write_bytes(lzma.compress(stream.tobytes()))
    held = {"some": {"words": 2, "pieces": [[5, 6, 7, 8]]}}
    (tmp_path / "held.json").write_text(json.dumps(held))
    recipe = LmRecipe(shares={"novels": 0.5, "spoken": 0.5}, rows=8, warm_steps=5, fuse=False)
    out = tmp_path / "out"
    ticks = count(0.0, 0.1)
    cpu = torch.device("cpu")
    LmTrainer(SHAPES["tiny"], recipe, tmp_path, out, cpu, now=lambda: next(ticks)).run(6.0)
    report = json.loads((out / "report.json").read_text())
    assert report["lm_step"] > 20
    before = perplexity(NeuralLm(SHAPES["tiny"]), [[5, 6, 7, 8]], 2)
    found = perplexity(load_lm(out), [[5, 6, 7, 8]], 2)
    assert found < before / 10
    assert found == pytest.approx(report["some"], rel=0.02)
