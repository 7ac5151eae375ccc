"""The long steps, each from files of the work folder to files of the work folder."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from training.captions.batches import Share
from training.captions.checkpoint import load_checkpoint

from .distil import distil, save_answers, with_answers
from .examples import (
    DISTILLED,
    Examples,
    mixed,
    prefix_examples,
    real_share,
    whole_examples,
    word_starts,
)
from .model import Translator
from .packed import Packed, load_packed
from .pieces import LANGUAGES, Pieces
from .recipe import Job, Recipe, StudentWeights
from .shape import Shape
from .tasks import Learning, Teaching
from .train import Data, Trainer


def load_translator(folder: Path) -> Translator:
    """The network of a checkpoint, in evaluation mode."""
    weights, state = load_checkpoint(folder)
    net = Translator(Shape(**state.shape))
    net.load_state_dict(weights)
    return net.eval()


def _data(work: Path, packed: Packed, recipe: Recipe) -> Data:
    whole = whole_examples(packed, packed.pairs, recipe.balance)
    examples = whole
    if recipe.prefixes > 0:
        starts = word_starts(Pieces(work / "pieces.model"))
        cut = prefix_examples(
            whole, packed.texts, packed.targets, starts, recipe.prefixes, recipe.seed
        )
        examples = whole.joined(cut)
    held = load_packed(work / "dev.npz")
    return Data(packed, examples, held, _held_examples(held))


def _held_examples(held: Packed) -> Examples:
    return whole_examples(held, held.pairs, 0.0)


def train_teacher(work: Path, shape: Shape, recipe: Recipe, job: Job) -> None:
    torch.manual_seed(recipe.seed)
    net = Translator(replace(shape, drafter_layers=0), recipe.dropout)
    data = _data(work, load_packed(work / "train.npz"), recipe)
    Trainer(net, Teaching(net, recipe), recipe, job, data).run()


def distil_texts(
    work: Path,
    teachers: Sequence[Path],
    device: torch.device,
    pace: tuple[float | None, int],
    share: Share,
    near: bool = False,
) -> int:
    """Writes `distilled-RANK.npz`; returns how many translations are in it. `pace` is seconds and
    how many places are decoded at once; `near`: to human translations."""
    nets = [load_translator(teacher).to(device) for teacher in teachers]
    packed = load_packed(work / "train.npz")
    asked, answers = distil(nets, packed, *pace, share, near)
    return save_answers(work / f"distilled-{share.rank}.npz", packed, asked, answers)


@dataclass(frozen=True)
class Schooling:
    """How a student is taught; without distilled translations it learns the real pairs alone.
    The share of real pairs follows from how much was distilled unless it is given."""

    teacher: Path | None = None
    real_share: float | None = None
    feed_back: bool = True
    distilled: bool = True
    weights: StudentWeights | None = None


def train_student(work: Path, shape: Shape, recipe: Recipe, job: Job, way: Schooling) -> None:
    torch.manual_seed(recipe.seed)
    net = Translator(shape, recipe.dropout)
    if way.teacher is not None and job.resume is None:
        count = inherit(net, load_checkpoint(way.teacher)[0])
        print(f"{count} tensors are the teacher's", flush=True)
    task = Learning(net, way.weights, way.feed_back)
    Trainer(net, task, recipe, job, schooled(work, recipe, way)).run()


def schooled(work: Path, recipe: Recipe, way: Schooling) -> Data:
    """What a student learns from: what the teacher said and a share of the real pairs, or, where
    there is nothing or it shall not count, the real pairs alone."""
    packed = load_packed(work / "train.npz")
    files = sorted(work.glob("distilled-*.npz"))
    if files and way.distilled:
        packed = with_answers(packed, files)
        share = real_share(packed) if way.real_share is None else way.real_share
        made, packed = packed, mixed(packed, share)
        print(_told(made, packed), flush=True)
    return _data(work, packed, recipe)


def _told(made: Packed, chosen: Packed) -> str:
    distilled = int((made.pairs.kind == DISTILLED).sum())
    asked = len(made.texts) * len(LANGUAGES)
    real = len(chosen.pairs) - distilled
    return f"{distilled} of {asked} translations distilled, {real} real pairs beside them"


def inherit(net: Translator, teacher: dict[str, torch.Tensor]) -> int:
    """Takes the teacher's table, encoder, and of its decoder evenly spaced layers, the first and
    the last among them; returns how many tensors fitted."""
    deep = len({name.split(".")[2] for name in teacher if name.startswith("decoder.blocks.")})
    chosen = np.linspace(0, deep - 1, net.shape.decoder_layers).round().astype(int)
    taken = 0
    with torch.no_grad():
        for name, own in net.state_dict().items():
            parts = name.split(".")
            if parts[:2] == ["decoder", "blocks"]:
                parts[2] = str(chosen[int(parts[2])])
            theirs = teacher.get(".".join(parts))
            if theirs is not None and theirs.shape == own.shape:
                own.copy_(theirs)
                taken += 1
    return taken


def export(work: Path, checkpoint: Path, eight_bits: bool, shortlist: Path | None = None) -> int:
    """Writes the `graphs` folder with all that serving needs; returns its bytes."""
    from .export import quantise_graphs
    from .graphs import write_graphs
    from .shortlist import Shortlist

    out, net = work / "graphs", load_translator(checkpoint)
    listed = Shortlist(net) if shortlist else None
    if shortlist and listed:
        listed.load_state_dict(load_checkpoint(shortlist)[0])
    sources = write_graphs(net, work / "float32", listed)
    total = quantise_graphs(sources, out, eight_bits)
    shutil.copyfile(work / "pieces.model", out / "pieces.model")
    return total + (out / "pieces.model").stat().st_size
