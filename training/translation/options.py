"""Options that several steps share, and what they mean."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from .recipe import Job, Recipe
    from .shape import Shape

    Steps = argparse._SubParsersAction[argparse.ArgumentParser]

DEFAULT_WORK = Path(".work/translation")
#: What exported graphs are measured by.
RUNGS = ("sketch", "draft", "verified", "greedy", "beam")


def add_training(step: argparse.ArgumentParser) -> None:
    step.add_argument("--seconds", type=float, help="end after so long (set-up included)")
    step.add_argument("--steps", type=int, help="end at this step of the whole training")
    step.add_argument("--resume", type=Path, help="folder of a checkpoint to go on from")
    step.add_argument("--restart", action="store_true", help="resume with a whole new cosine")
    step.add_argument("--out", type=Path, help="folder for checkpoint and curve")
    step.add_argument("--no-fuse", action="store_true", help="do without torch.compile")
    step.add_argument("--plain", action="store_true", help="do without CUDA graphs as well")
    step.add_argument("--tokens", type=int, help="places of a batch, a side and a process")
    step.add_argument("--peak-rate", type=float)
    step.add_argument("--dropout", type=float)
    step.add_argument("--warm-steps", type=int)
    step.add_argument("--average", type=float, help="of each step's weights so much is kept")
    add_device(step)


def chosen_recipe(arguments: argparse.Namespace, default: "Recipe") -> "Recipe":
    names = ("tokens", "peak_rate", "dropout", "warm_steps", "average")
    given = {name: getattr(arguments, name) for name in names}
    return replace(default, **{name: v for name, v in given.items() if v is not None})


def chosen_job(arguments: argparse.Namespace, name: str) -> "Job":
    from .recipe import Job

    a = arguments
    if a.seconds is None and a.steps is None:
        raise SystemExit("give --seconds or --steps")
    return Job(
        out=a.out or a.work / name,
        device=chosen_device(a),
        seconds=a.seconds,
        steps=a.steps,
        resume=a.resume,
        restart=a.restart,
        fuse=not a.no_fuse,
        capture=not a.plain,
        every=250,
        measure_every=2000,
    )


def add_device(step: argparse.ArgumentParser) -> None:
    step.add_argument("--device", default="cuda", help="cuda or cpu")


def chosen_device(arguments: argparse.Namespace) -> "torch.device":
    import torch

    from training.captions.parallel import share_of_environment

    torch.set_float32_matmul_precision("high")
    if arguments.device == "cuda":
        torch.cuda.set_device(share_of_environment().rank)
    return torch.device(arguments.device)


def add_shape(step: argparse.ArgumentParser, defaults: dict[str, int]) -> None:
    from .shape import Shape

    for name, value in {**Shape().as_dict(), **defaults}.items():
        if name != "pieces":
            step.add_argument(f"--{name.replace('_', '-')}", type=int, default=value)


def chosen_shape(arguments: argparse.Namespace) -> "Shape":
    from .shape import Shape

    return Shape(**{name: getattr(arguments, name) for name in Shape().as_dict()})


def add_step(steps: "Steps", name: str, summary: str) -> argparse.ArgumentParser:
    made = steps.add_parser(name, help=summary, description=summary)
    made.add_argument("--work", type=Path, default=DEFAULT_WORK, help="folder for what is made")
    if name in {"prepare", "teacher", "student", "ablate", "random"}:
        made.add_argument("--pieces", type=int, default=8000, help="size of the vocabulary")
    return made


def add_preparing(step: argparse.ArgumentParser) -> None:
    step.add_argument("--english", type=int, default=60_000, help="sentences to translate anew")
    step.add_argument("--limit", type=int, help="keep so many pairs only, to try the way")


def add_real(step: argparse.ArgumentParser) -> None:
    step.add_argument(
        "--real",
        type=_share,
        help="share of real pairs; by itself 0.1, or 1 (all) if less than half is distilled",
    )


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"share is {share}, expected 0 to 1")
    return share
