"""What makes drafts better, from checkpoint to checkpoint, and its ways of decoding by name."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path

import torch

from training.captions.checkpoint import load_checkpoint

from .decode import Say, say_all
from .editor import Editing, Editor, edit
from .hypotheses import Answer
from .model import Shaped, Translator, parameter_count
from .recipe import Job, Recipe
from .refiner import UNSURE, Filling, Refiner, refine
from .shortlist import Listing, Shortlist
from .steps import Schooling, load_translator, schooled
from .tasks import Task
from .train import Trainer

SHORTLIST = "shortlist"
KINDS = MASK, LEVENSHTEIN = ("mask", "levenshtein")

#: Drafts keep the scores of all their frames, so fewer of them go together.
PLACES = 60_000


def train_refiner(kind: str, work: Path, student: Path, recipe: Recipe, job: Job) -> None:
    """On what the student learned from, over its frozen encoder; begins as its decoder."""
    torch.manual_seed(recipe.seed)
    net = load_translator(student).to(job.device)
    task: Task
    made: Shaped
    if kind == MASK:
        made = refiner = Refiner(net, recipe.dropout)
        task = Filling(refiner)
    elif kind == SHORTLIST:
        made = shortlist = Shortlist(net)
        task = Listing(shortlist)
    else:
        made = editor = Editor(net, recipe.dropout)
        task = Editing(editor)
    print(f"{parameter_count(made)} parameters beside the student's", flush=True)
    Trainer(made, task, recipe, job, schooled(work, recipe, Schooling())).run()


def refined_ways(
    net: Translator, names: Iterable[str], work: Path, unsure: float = UNSURE
) -> dict[str, Answer]:
    """`mask3` is refinement in three passes, `levenshtein2` two rounds of edits; each kind's
    weights lie in its folder of `work`."""
    return {name: _way(net, *_parted(name), work, unsure) for name in names}


def _parted(name: str) -> tuple[str, int]:
    kind = name.rstrip("0123456789")
    if kind not in KINDS or kind == name:
        raise ValueError(f"unknown way {name}")
    return kind, int(name.removeprefix(kind))


def _way(net: Translator, kind: str, times: int, work: Path, unsure: float) -> Answer:
    weights = load_checkpoint(work / kind)[0]
    say: Say
    if kind == MASK:
        refiner = Refiner(net)
        say = partial(refine, refiner, passes=times, unsure=unsure)
    else:
        refiner = editor = Editor(net)
        say = partial(edit, editor, rounds=times)
    refiner.load_state_dict(weights)
    refiner.to(net.table.device).eval()
    return lambda texts, asked: say_all(say, net, texts, asked, PLACES)
