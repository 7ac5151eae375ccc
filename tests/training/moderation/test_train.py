"""A small encoder learns, goes on where it stopped, and is served as it was trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from training.moderation.batches import Encoded, frame, padded
from training.moderation.corpus import LABELS
from training.moderation.draft import DraftRecipe, to_eight_bits, train_draft
from training.moderation.model import Encoder, Shape, masked_loss
from training.moderation.parts import load_encoder
from training.moderation.table import Table, batches, read_table, table_of, write_table
from training.moderation.train import Job, Recipe, Trainer

SHAPE = Shape(pieces=20, width=16, layers=2, heads=2, inner=32, positions=16, dropout=0.0)
RECIPE = Recipe(batch=8, peak_rate=0.02)


def encoded() -> Encoded:
    """Texts of which those with piece 7 (word `bad`) are hateful; other labels are unknown."""
    generator = np.random.default_rng(0)
    texts = [generator.integers(4, 12, generator.integers(1, 6)) for _ in range(64)]
    labels = np.full((64, len(LABELS)), np.nan, np.float32)
    labels[:, LABELS.index("hate")] = [7 in text for text in texts]
    readings = ["bad word" if 7 in text else f"good word {text[0]}" for text in texts]
    return Encoded([frame(list(t), 8) for t in texts], labels, readings)


def table() -> Table:
    data = encoded()
    return table_of(data.pieces, data.labels)


def trained(out: Path, steps: int) -> Encoder:
    torch.manual_seed(0)
    job = Job(out, torch.device("cpu"), steps)
    Trainer(Encoder(SHAPE), RECIPE, job, [table()]).run()
    return load_encoder(out)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("encoder")
    trained(out, 60)
    return out


def test_it_learns(folder: Path) -> None:
    data = encoded()
    with torch.no_grad():
        hate = load_encoder(folder)(torch.from_numpy(padded(data.pieces)))[:, LABELS.index("hate")]
    truth = data.labels[:, LABELS.index("hate")] == 1
    assert hate[truth].mean() > hate[~truth].mean() + 1


def test_it_goes_on_where_it_stopped(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trained(folder, 61)
    assert "goes on at step 60" in capsys.readouterr().out


def test_padding_changes_nothing(folder: Path) -> None:
    net = load_encoder(folder)
    short = torch.tensor([[2, 7, 3]])
    long = torch.tensor([[2, 7, 3, 0, 0, 0, 0, 0]])
    with torch.no_grad():
        assert torch.allclose(net(short), net(long), atol=1e-5)


def test_unknown_labels_teach_nothing() -> None:
    logits = torch.zeros(1, len(LABELS), requires_grad=True)
    labels = torch.full((1, len(LABELS)), float("nan"))
    labels[0, 2] = 1.0
    masked_loss(logits, labels).backward()
    assert logits.grad is not None
    assert logits.grad[0].nonzero().flatten().tolist() == [2]


def test_a_batch_holds_each_text_once() -> None:
    data = table()
    found = list(batches(data, 7, np.random.default_rng(0)))
    assert all(pieces.shape[1] % 8 == 0 for pieces, _ in found)
    shown = sorted(tuple(row.tolist()) for pieces, _ in found for row in pieces)
    assert shown == sorted(tuple(row.tolist()) for row in data.pieces)


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    data = table()
    write_table(tmp_path / "table.npz", data)
    found = read_table(tmp_path / "table.npz")
    assert torch.equal(found.pieces, data.pieces)
    assert torch.equal(found.labels.nan_to_num(-1), data.labels.nan_to_num(-1))
    assert found.lengths.tolist() == data.lengths.tolist()


def test_the_draft_learns_and_loses_little_in_eight_bits() -> None:
    net = train_draft([encoded()], DraftRecipe(passes=20, batch=32))
    hate = to_eight_bits(net).score(["bad word", "good word 5"])[:, LABELS.index("hate")]
    assert hate[0] > hate[1] + 0.2
