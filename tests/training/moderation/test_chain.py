"""Teachers label what nobody annotated, and a student learns from them; what is done stays done."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from training.moderation.batches import frame
from training.moderation.chain import Plan, read_taught, softened, train_all
from training.moderation.corpus import LABELS
from training.moderation.parts import load_encoder
from training.moderation.table import table_of, write_table
from training.moderation.train import Recipe

WIDTH, INNER, PIECES = 384, 1536, 20
HATE = LABELS.index("hate")
PLAN = Plan(teachers=2, teacher_layers=1, teacher_passes=6, students=(1,), student_passes=6)


def start() -> dict[str, torch.Tensor]:
    """MiniLM's names with one layer of small random weights."""
    sizes = {
        "embeddings.word_embeddings.weight": (PIECES, WIDTH),
        "embeddings.position_embeddings.weight": (128, WIDTH),
        "embeddings.token_type_embeddings.weight": (2, WIDTH),
    }
    for name in ("self.query", "self.key", "self.value", "output.dense"):
        sizes[f"encoder.layer.0.attention.{name}.weight"] = (WIDTH, WIDTH)
    sizes["encoder.layer.0.intermediate.dense.weight"] = (INNER, WIDTH)
    sizes["encoder.layer.0.output.dense.weight"] = (WIDTH, INNER)
    norms = ("embeddings", "encoder.layer.0.attention.output", "encoder.layer.0.output")
    torch.manual_seed(0)
    weights = {name: 0.05 * torch.randn(size) for name, size in sizes.items()}
    for name in [name for name in sizes if name.startswith("encoder")]:
        weights[name.replace("weight", "bias")] = torch.zeros(sizes[name][0])
    for norm in norms:
        weights[f"{norm}.LayerNorm.weight"] = torch.ones(WIDTH)
        weights[f"{norm}.LayerNorm.bias"] = torch.zeros(WIDTH)
    return {name: tensor.half() for name, tensor in weights.items()}


def pack(folder: Path, name: str, texts: int, seed: int, known: bool = True) -> None:
    generator = np.random.default_rng(seed)
    pieces = [generator.integers(4, 9, generator.integers(2, 7)).tolist() for _ in range(texts)]
    labels = np.full((texts, len(LABELS)), np.nan, np.float32)
    if known:
        labels[:, HATE] = [7 in text for text in pieces]
    write_table(folder / f"{name}.npz", table_of([frame(text, 16) for text in pieces], labels))


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("work")
    packed = work / "packed"
    packed.mkdir()
    save_file(start(), packed / "start.safetensors")
    for number in range(2):
        pack(packed, f"epoch-{number}", 64, number)
    pack(packed, "unlabelled", 30, 7, known=False)
    pack(packed, "dev-made", 40, 8)
    train_all(work, PLAN, Recipe(batch=16, peak_rate=1e-3), torch.device("cpu"))
    return work


def test_a_student_has_learned_from_teachers(work: Path) -> None:
    with torch.no_grad():
        logits = load_encoder(work / "student-1")(torch.tensor([[2, 7, 5, 3], [2, 5, 6, 3]]))
    assert logits[0, HATE] > logits[1, HATE] + 1


def test_every_text_is_scored(work: Path) -> None:
    with np.load(work / "taught.npz") as taught:
        assert taught["scores"].shape == (2 * 64 + 30, len(LABELS))


def test_scores_are_found_by_the_name_of_what_was_packed(work: Path) -> None:
    taught = read_taught(work)
    assert {name: len(scores) for name, scores in taught.items()} == {
        "epoch-0": 64,
        "epoch-1": 64,
        "unlabelled": 30,
    }


def test_what_is_done_is_not_done_again(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train_all(work, PLAN, Recipe(batch=16, peak_rate=1e-3), torch.device("cpu"))
    assert "step" not in capsys.readouterr().out


def test_what_nobody_annotated_is_taught_by_the_score() -> None:
    labels = torch.tensor([1.0, 0.0, float("nan")])
    found = softened(labels, torch.tensor([0.5, 0.5, 0.25]), 0.5)
    assert found.tolist() == [0.75, 0.25, 0.25]


def test_without_packed_texts_the_step_before_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="run the step prepare first"):
        train_all(tmp_path, PLAN, Recipe(), torch.device("cpu"))
