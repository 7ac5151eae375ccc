"""Packed texts -> teachers of all of MiniLM's layers -> smaller students that learn their scores.

Distillation (Hinton et al., 2015): a student is taught the teachers' mean score mixed with the
annotated label; labels that nobody annotated, and unannotated sentences, by the score alone.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from .corpus import LABELS
from .metrics import auroc
from .model import Encoder, Shape, adopt_minilm
from .parts import load_encoder
from .table import Table, joined_tables, read_table, take
from .train import Job, Recipe, Trainer

TOLD = ("offensive", "hate", "sexist", "harassment", "threat", "spam")
SCORED_AT_ONCE = 1024


@dataclass(frozen=True)
class Plan:
    """`teachers` 0: students learn the annotations. A pass is once over an epoch's texts; to a
    student's epoch a part of the unannotated sentences is added. `seconds` bound all training,
    of which teachers get the share `teaching`. `soft`: the score's share of a known label."""

    teachers: int = 5
    teacher_layers: int = 6
    teacher_passes: float = 8
    students: tuple[int, ...] = (4,)
    student_passes: float = 30
    student_rate: float = 3e-4
    soft: float = 0.7
    frozen: int = -1
    seconds: float = 200.0
    teaching: float = 0.4


def train_all(work: Path, plan: Plan, recipe: Recipe, device: torch.device) -> None:
    """Writes WORK/student-LAYERS, and with teachers WORK/teacher-NUMBER and WORK/taught.npz.

    What a run that was stopped has finished is not done again.
    """
    begin = time.monotonic()
    epochs = [table.to(device) for table in read_all(work, "epoch-*")]
    teaching = plan.teaching * plan.seconds if plan.teachers else 0.0
    if plan.teachers:
        epochs = _taught(work, plan, recipe, epochs, teaching)
        print(f"taught after {time.monotonic() - begin:.0f} s", flush=True)
    seconds = (plan.seconds - teaching) / len(plan.students)
    for layers in plan.students:
        learning = replace(recipe, peak_rate=plan.student_rate) if plan.teachers else recipe
        job = _job(work / f"student-{layers}", epochs, recipe, plan.student_passes, seconds)
        _trained(work, layers, plan.frozen, learning, job, epochs)
    print(f"all after {time.monotonic() - begin:.0f} s", flush=True)


def read_all(work: Path, pattern: str) -> list[Table]:
    """In the order of their names: the same for who reads the scores of all texts later."""
    return [read_table(path) for path in packed(work, pattern)]


def packed(work: Path, pattern: str) -> list[Path]:
    found = sorted((work / "packed").glob(f"{pattern}.npz"))
    if not found:
        raise SystemExit(f"nothing packed in {work / 'packed'}: run the step prepare first")
    return found


def _taught(
    work: Path, plan: Plan, recipe: Recipe, epochs: Sequence[Table], seconds: float
) -> list[Table]:
    """Epochs with the teachers' scores in their labels."""
    spare = read_all(work, "unlabelled")[0].to(epochs[0].pieces.device)
    everything = joined_tables([*epochs, spare])
    total = torch.zeros_like(everything.labels)
    for number in range(plan.teachers):
        own = replace(recipe, seed=recipe.seed + number)
        job = _job(
            work / f"teacher-{number}", epochs, own, plan.teacher_passes, seconds / plan.teachers
        )
        teacher = _trained(work, plan.teacher_layers, -1, own, job, epochs)
        total += logits_of(teacher, everything) / plan.teachers
    scores = total.sigmoid()
    np.savez_compressed(work / "taught.npz", scores=scores.half().cpu().numpy())
    taught = everything._replace(labels=softened(everything.labels, scores, plan.soft))
    return list(_with_spare(taught, [len(epoch.lengths) for epoch in epochs]))


def softened(labels: Tensor, scores: Tensor, soft: float) -> Tensor:
    """What is known mixed with the score; the score alone where nothing is known."""
    return torch.where(labels.isnan(), scores, (1 - soft) * labels + soft * scores)


def read_taught(work: Path) -> dict[str, Tensor]:
    """The teachers' scores [texts, labels] by the name of what was packed; empty without any."""
    if not (work / "taught.npz").exists():
        return {}
    with np.load(work / "taught.npz") as taught:
        scores = torch.from_numpy(taught["scores"].astype(np.float32))
    paths = [*packed(work, "epoch-*"), *packed(work, "unlabelled")]
    sizes = [len(read_table(path).lengths) for path in paths]
    return dict(zip([path.stem for path in paths], scores.split(sizes), strict=True))


def _with_spare(everything: Table, sizes: Sequence[int]) -> Iterable[Table]:
    """Each epoch with its part of the texts that follow the last one."""
    begin, spare = 0, np.arange(sum(sizes), len(everything.lengths))
    for size, part in zip(sizes, np.array_split(spare, len(sizes)), strict=True):
        yield take(everything, np.concatenate([np.arange(begin, begin + size), part]))
        begin += size


def _job(out: Path, epochs: Sequence[Table], recipe: Recipe, passes: float, seconds: float) -> Job:
    steps = round(passes * np.mean([-(-len(epoch.lengths) // recipe.batch) for epoch in epochs]))
    return Job(out, epochs[0].pieces.device, max(1, steps), seconds)


def _trained(
    work: Path, layers: int, frozen: int, recipe: Recipe, job: Job, epochs: Sequence[Table]
) -> Encoder:
    if (job.out / "average-0.safetensors").exists():
        return load_encoder(job.out).to(job.device)
    torch.manual_seed(recipe.seed)
    start = load_file(work / "packed" / "start.safetensors")
    net = Encoder(
        Shape(pieces=len(start["embeddings.word_embeddings.weight"]), layers=layers), frozen
    )
    adopt_minilm(net, start)
    net = Trainer(net, recipe, job, epochs).run()
    for path in packed(work, "dev-*"):
        print(job.out.name, path.stem, _areas(net, read_table(path).to(job.device)), flush=True)
    return net


def _areas(net: Encoder, table: Table) -> dict[str, float]:
    logits, labels = logits_of(net, table).cpu().numpy(), table.labels.cpu().numpy()
    known = ~np.isnan(labels)
    return {
        label: round(auroc(logits[known[:, n], n], labels[known[:, n], n]), 4)
        for n, label in enumerate(LABELS)
        if label in TOLD and (labels[:, n] == 1).any() and (labels[:, n] == 0).any()
    }


@torch.inference_mode()
def logits_of(net: Encoder, table: Table) -> Tensor:
    """[N, labels]."""
    order = np.argsort(table.lengths, kind="stable")
    found = torch.empty_like(table.labels)
    device = table.pieces.device
    for begin in range(0, len(order), SCORED_AT_ONCE):
        part = order[begin : begin + SCORED_AT_ONCE]
        place = torch.from_numpy(part).to(device)
        pieces = table.pieces[place, : table.width(part)].long()
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            found[place] = net(pieces).float()
    return found.clone()
