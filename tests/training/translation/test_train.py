"""The whole way on a toy language, far enough to see that every part learns."""

import lzma
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("sentencepiece")

import torch

from training.captions.batches import ALONE
from training.captions.checkpoint import load_checkpoint
from training.translation.ablate import ablate, table
from training.translation.hypotheses import write_hypotheses
from training.translation.pieces import Pieces
from training.translation.prepare import prepare
from training.translation.recipe import STUDENT, TEACHER, Job, Recipe
from training.translation.refining import refined_ways, train_refiner
from training.translation.shape import Shape
from training.translation.steps import (
    Schooling,
    distil_texts,
    load_translator,
    train_student,
    train_teacher,
)

pytestmark = pytest.mark.timeout(600)
SHAPE = Shape(300, 32, 2, 1, 64, 2, 64, 2, 64)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toy")
    data, made = folder / "data", folder / "work"
    (data / "translation").mkdir(parents=True)
    nouns = [f"{a}{b}" for a in ("ba", "ko", "mi", "tu") for b in ("ra", "so", "le", "ne", "di")]
    for language in ("de", "fr", "es"):
        lines = "".join(
            f"See the {a} and {b}.\t{b.upper()} {a} {language}.\ttatoeba\n"
            for a in nouns
            for b in nouns[::5]
        )
        for part in ("train", "dev.tatoeba", "test.tatoeba"):
            path = data / "translation" / f"{part}.en-{language}.tsv.xz"
            path.write_bytes(lzma.compress(lines.encode()))
    prepare(data, made, 0, size=300)
    return made


def losses(folder: Path, name: str) -> list[float]:
    import json

    entries = [json.loads(line) for line in (folder / "curve.jsonl").read_text().splitlines()]
    return [entry[name] for entry in entries if name in entry]


def job(work: Path, name: str, steps: int, resume: Path | None = None) -> Job:
    return Job(work / name, CPU, steps=steps, resume=resume, every=10)


def test_teacher_distillation_and_student(work: Path) -> None:
    fast: dict[str, Any] = {
        "tokens": 400,
        "warm_steps": 10,
        "peak_rate": 5e-3,
        "average": 0.9,
        "dropout": 0.0,
    }
    recipe = replace(TEACHER, smoothing=0.0, **fast)
    train_teacher(work, SHAPE, recipe, job(work, "teacher", 30))
    course = losses(work / "teacher", "cross_entropy")
    assert course[-1] < 0.6 * course[0]

    assert distil_texts(work, [work / "teacher"], CPU, (None, 4000), ALONE) > 0

    student = replace(STUDENT, **fast)
    train_student(work, SHAPE, student, job(work, "student", 30), Schooling(work / "teacher"))
    assert losses(work / "student", "ctc")[-1] < 0.6 * losses(work / "student", "ctc")[0]

    held = losses(work / "student", "held_ctc")[-1]
    again = job(work, "again", 40, work / "student")
    train_student(work, SHAPE, student, again, Schooling(work / "teacher"))
    assert losses(work / "again", "step")[0] > 30
    assert losses(work / "again", "held_ctc")[-1] < held
    assert load_translator(work / "again").shape == SHAPE
    restarted(work, student)

    refined(work, student)
    ablated(work, student)


def restarted(work: Path, recipe: Recipe) -> None:
    """A training whose cosine is over goes on with a new one, by the clock."""
    once = Job(work / "more", CPU, seconds=3, resume=work / "student", restart=True, every=1)
    train_student(work, SHAPE, recipe, once, Schooling(work / "teacher"))
    assert losses(work / "more", "step")[0] == 31
    assert losses(work / "more", "progress")[0] < 1
    assert load_checkpoint(work / "more")[1].progress == 1


def refined(work: Path, recipe: Recipe) -> None:
    """What refines a draft learns over the student as it is."""
    before = load_checkpoint(work / "student")[0]
    train_refiner("mask", work, work / "student", recipe, job(work, "mask", 30))
    train_refiner("levenshtein", work, work / "student", recipe, job(work, "levenshtein", 30))
    assert losses(work / "mask", "cross_entropy")[-1] < losses(work / "mask", "cross_entropy")[0]
    assert losses(work / "levenshtein", "total")[-1] < losses(work / "levenshtein", "total")[0]
    after = load_checkpoint(work / "student")[0]
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not any("encoder" in name for name in load_checkpoint(work / "mask")[0])
    ways = refined_ways(load_translator(work / "student"), ["mask2", "levenshtein1"], work)
    write_hypotheses(ways, Pieces(work / "pieces.model"), work, work / "refined")
    assert {path.stem for path in (work / "refined").iterdir()} == set(ways)


def ablated(work: Path, recipe: Recipe) -> None:
    """Rows start from the same weights, and one that is done is not done again."""
    pytest.importorskip("sacrebleu")
    short = replace(job(work, "ablations", 10), every=1)
    ablate(work, SHAPE, recipe, short, ["base", "no-prefixes", "no-feedback"])
    curve = work / "ablations" / "base" / "curve.jsonl"
    lines = curve.read_text()
    ablate(work, SHAPE, recipe, short, ["base"])
    assert curve.read_text() == lines
    ablate(work, SHAPE, recipe, replace(short, out=work / "on", resume=work / "student"), ["base"])
    assert losses(work / "on" / "base", "ctc")[0] < losses(work / "ablations" / "base", "ctc")[0]
    printed = list(table(work / "ablations", work, Pieces(work / "pieces.model")))
    assert [line.split()[1] for line in printed[2:]] == ["base", "no-feedback", "no-prefixes"]
