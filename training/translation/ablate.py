"""What each part is worth: students of equal seconds from the same teacher, one of them whole and
each other without one part. Rows that share a step share its captured graphs."""

import gc
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from training.captions.checkpoint import load_checkpoint

from .batches import make_buckets
from .capture import Step, capture_steps
from .hypotheses import accepted, mean_bleu, own_ways, stability, write_hypotheses
from .model import Translator
from .pieces import Pieces
from .recipe import Job, Recipe
from .shape import Shape
from .steps import Schooling, inherit, schooled
from .tasks import Learning
from .train import Trainer

PLACES = 200_000
WAYS = ("draft", "greedy")


@dataclass(frozen=True)
class Row:
    distilled: bool = True
    feed_back: bool = True
    prefixes: bool = True


ROWS = {
    "base": Row(),
    "no-distilled": Row(distilled=False),
    "no-feedback": Row(feed_back=False),
    "no-prefixes": Row(prefixes=False),
}


class Bench:
    """Networks and captured steps that rows have in common; every row starts from the same
    weights."""

    def __init__(self, work: Path, shape: Shape, recipe: Recipe, job: Job) -> None:
        self.work, self.shape, self.recipe, self.job = work, shape, recipe, job
        self._made: dict[bool, tuple[Translator, Learning, list[Step]]] = {}
        self._first: dict[str, Tensor] = {}

    def run(self, name: str) -> None:
        """Trains a row and writes what it says to `job.out`/NAME."""
        row, out = ROWS[name], self.job.out / name
        recipe = self.recipe if row.prefixes else replace(self.recipe, prefixes=0.0)
        data = schooled(self.work, recipe, Schooling(distilled=row.distilled))
        net, task, steps = self._ready(row.feed_back)
        Trainer(net, task, recipe, replace(self.job, out=out, resume=None), data).run(steps)
        del data
        gc.collect()
        net.load_state_dict(load_checkpoint(out)[0])
        pieces = Pieces(self.work / "pieces.model")
        ways = own_ways(net, WAYS, PLACES)
        write_hypotheses(ways, pieces, self.work, out)
        cut = {f"cut-{way}": answer for way, answer in ways.items()}
        write_hypotheses(cut, pieces, self.work, out, half=True)

    def _ready(self, feed_back: bool) -> tuple[Translator, Learning, list[Step]]:
        if feed_back not in self._made:
            self._made[feed_back] = self._make(feed_back)
        made = self._made[feed_back]
        # in place: captured steps keep addresses
        made[0].load_state_dict(self._first)
        return made

    def _make(self, feed_back: bool) -> tuple[Translator, Learning, list[Step]]:
        torch.manual_seed(self.recipe.seed)
        net = Translator(self.shape, self.recipe.dropout)
        begin(net, self.work / "teacher", self.job.resume)
        self._first = {name: own.clone() for name, own in net.state_dict().items()}
        net.to(self.job.device).train()
        task = Learning(net, feed_back=feed_back)
        return net, task, capture_steps(task.step, make_buckets(self.recipe.tokens), self.job)


def begin(net: Translator, teacher: Path, student: Path | None) -> None:
    """As a student of the teacher, or as one that has learned already, but for its feedback: that
    begins at zero as it does in every student, so that it has to show its worth anew."""
    if student is None:
        inherit(net, load_checkpoint(teacher)[0])
        return
    net.load_state_dict(load_checkpoint(student)[0])
    assert net.drafter is not None
    nn.init.zeros_(net.drafter.feedback.weight)
    nn.init.zeros_(net.drafter.feedback.bias)


def ablate(work: Path, shape: Shape, recipe: Recipe, job: Job, rows: Iterable[str]) -> None:
    """Each row that isn't done; `job.seconds` are each row's own, set-up not counted."""
    bench = Bench(work, shape, recipe, job)
    for name in rows:
        done = job.out / name / "done"
        if not done.exists():
            began = time.monotonic()
            bench.run(name)
            done.touch()
            print(f"== row {name}: {time.monotonic() - began:.1f} s in all", flush=True)


def table(folder: Path, work: Path, pieces: Pieces, test: str = "test.tatoeba") -> Iterable[str]:
    """A line of Markdown a row: steps learned, mean BLEU of draft and greedy, what of a draft
    greedy accepts in one pass, and what of a half sentence's translation still stands in the whole
    one's, both as drafted and as decoded."""
    yield f"| {test} | steps | draft BLEU | greedy BLEU | accepted | kept: draft | kept: greedy |"
    yield "|---|---|---|---|---|---|---|"
    for name in ROWS:
        out = folder / name
        if (out / "done").exists():
            draft, greedy = (
                float(np.mean(mean_bleu(out / f"{way}.npz", work, pieces, test))) for way in WAYS
            )
            shares = accepted(out, work, test), *(stability(out, way, work, test) for way in WAYS)
            told = " | ".join(f"{share:.1%}" for share in shares)
            yield f"| {name} | {last_step(out)} | {draft:.2f} | {greedy:.2f} | {told} |"


def last_step(out: Path) -> int:
    lines = (out / "curve.jsonl").read_text().splitlines()
    return int(json.loads(lines[-1])["step"])
