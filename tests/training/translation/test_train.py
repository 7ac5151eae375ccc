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
from training.translation.prepare import prepare
from training.translation.recipe import STUDENT, TEACHER, Job
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
        for part in ("train", "dev.tatoeba"):
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

    assert distil_texts(work, work / "teacher", CPU, (None, 4000), ALONE) > 0

    student = replace(STUDENT, **fast)
    train_student(work, SHAPE, student, job(work, "student", 30), Schooling(work / "teacher"))
    assert losses(work / "student", "ctc")[-1] < 0.6 * losses(work / "student", "ctc")[0]

    held = losses(work / "student", "held_ctc")[-1]
    again = job(work, "again", 40, work / "student")
    train_student(work, SHAPE, student, again, Schooling(work / "teacher"))
    assert losses(work / "again", "step")[0] > 30
    assert losses(work / "again", "held_ctc")[-1] < held
    assert load_translator(work / "again").shape == SHAPE
