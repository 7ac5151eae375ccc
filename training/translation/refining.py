"""The refiner, from checkpoint to checkpoint, and its ways of decoding by name."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path

import torch

from training.captions.checkpoint import load_checkpoint

from .decode import say_all
from .hypotheses import Answer
from .model import Translator, parameter_count
from .recipe import Job, Recipe
from .refiner import Filling, Refiner, refine
from .steps import Schooling, load_translator, schooled
from .train import Trainer

#: Drafts keep the scores of all their frames, so fewer of them go together.
PLACES = 60_000


def train_refiner(work: Path, student: Path, recipe: Recipe, job: Job) -> None:
    """On what the student learned from, over its frozen encoder; begins as its decoder."""
    torch.manual_seed(recipe.seed)
    net = load_translator(student).to(job.device)
    refiner = Refiner(net, recipe.dropout)
    print(f"{parameter_count(refiner)} parameters beside the student's", flush=True)
    Trainer(refiner, Filling(refiner), recipe, job, schooled(work, recipe, Schooling())).run()


def load_refiner(folder: Path, net: Translator) -> Refiner:
    refiner = Refiner(net).to(net.table.device)
    refiner.load_state_dict(load_checkpoint(folder)[0])
    return refiner.eval()


def refined_ways(refiner: Refiner, names: Iterable[str]) -> dict[str, Answer]:
    """`mask3` is refinement in three passes."""

    def way(name: str) -> Answer:
        passes = int(name.removeprefix("mask"))
        say = partial(refine, refiner, passes=passes)
        return lambda texts, asked: say_all(say, refiner.net, texts, asked, PLACES)

    return {name: way(name) for name in names}
