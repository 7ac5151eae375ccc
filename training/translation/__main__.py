"""The steps from data to shipped weights, each a command; README.md gives their order."""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from training.captions.recipe import Job

    from .recipe import Recipe
    from .shape import Shape
    from .steps import Schooling

    Steps = argparse._SubParsersAction[argparse.ArgumentParser]

DEFAULT_WORK = Path(".work/translation")
#: A network to try the way with.
TINY = (
    "--width 64 --heads 2 --encoder-layers 2 --encoder-inner 128 --drafter-layers 2 "
    "--drafter-inner 128 --decoder-layers 2 --decoder-inner 128"
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.translation", description=__doc__)
    steps = parser.add_subparsers(dest="step", required=True)
    made = (_add_prepare, _add_teacher, _add_distil, _add_student, _add_export)
    for add in (
        *made,
        _add_measure,
        _add_hypotheses,
        _add_score,
        _add_curve,
        _add_random,
        _add_all,
    ):
        add(steps)
    arguments = parser.parse_args()
    arguments.run(arguments)


def _add_prepare(steps: "Steps") -> None:
    step = _step(steps, "prepare", "read the data folder; write vocabulary and packed pairs")
    step.add_argument("--data", type=Path, required=True, help="the data folder")
    _add_preparing(step)
    step.set_defaults(run=_prepare)


def _add_preparing(step: argparse.ArgumentParser) -> None:
    step.add_argument("--english", type=int, default=60_000, help="sentences to translate anew")
    step.add_argument("--limit", type=int, help="keep so many pairs only, to try the way")


def _prepare(arguments: argparse.Namespace) -> None:
    from .prepare import prepare

    a = arguments
    print(prepare(a.data, a.work, a.english, a.limit, a.pieces), flush=True)


def _add_teacher(steps: "Steps") -> None:
    step = _step(steps, "teacher", "train the autoregressive teacher on the real pairs")
    _add_training(step)
    step.add_argument("--agree", type=float, default=0.0, help="weight of R-Drop; each pair twice")
    _add_shape(step, {"decoder_layers": 6})
    step.set_defaults(run=_teacher)


def _teacher(arguments: argparse.Namespace) -> None:
    from .recipe import TEACHER
    from .steps import train_teacher

    recipe = replace(_recipe(arguments, TEACHER), agree=arguments.agree)
    train_teacher(arguments.work, _shape(arguments), recipe, _job(arguments, "teacher"))


def _add_distil(steps: "Steps") -> None:
    step = _step(steps, "distil", "let the teacher translate every text into every language")
    step.add_argument("--teacher", type=Path, help="folder of the teacher's checkpoint")
    step.add_argument("--seconds", type=float, help="end after so long with what is done")
    step.add_argument("--places", type=int, default=200_000, help="pieces decoded at once")
    _add_device(step)
    step.set_defaults(run=_distil)


def _distil(arguments: argparse.Namespace) -> None:
    from training.captions.parallel import share_of_environment

    from .steps import distil_texts

    a, device = arguments, _device(arguments)
    teacher = a.teacher or a.work / "teacher"
    share = share_of_environment()
    print(distil_texts(a.work, teacher, device, (a.seconds, a.places), share), "translations")


def _add_student(steps: "Steps") -> None:
    step = _step(steps, "student", "train encoder, drafter and decoder on what the teacher said")
    _add_training(step)
    step.add_argument("--teacher", type=Path, help="folder of the teacher's checkpoint")
    step.add_argument("--no-teacher", action="store_true", help="start from random weights")
    step.add_argument("--real", type=float, default=0.1, help="share of real pairs kept")
    step.add_argument("--no-distilled", action="store_true", help="real pairs alone")
    step.add_argument("--no-feedback", action="store_true", help="no self-conditioning")
    step.add_argument("--no-prefixes", action="store_true", help="no cut pairs")
    _add_shape(step, {})
    step.set_defaults(run=_student)


def _student(arguments: argparse.Namespace) -> None:
    from .recipe import STUDENT
    from .steps import train_student

    recipe = _recipe(arguments, STUDENT)
    if arguments.no_prefixes:
        recipe = replace(recipe, prefixes=0.0)
    job = _job(arguments, "student")
    train_student(arguments.work, _shape(arguments), recipe, job, _schooling(arguments))


def _schooling(arguments: argparse.Namespace) -> "Schooling":
    from .steps import Schooling

    a = arguments
    teacher = None if a.no_teacher else a.teacher or a.work / "teacher"
    return Schooling(teacher, a.real, not a.no_feedback, not a.no_distilled)


def _add_export(steps: "Steps") -> None:
    step = _step(steps, "export", "write the three graphs with 8-bit weights")
    step.add_argument("--checkpoint", type=Path, help="folder of a checkpoint")
    step.add_argument("--float", action="store_true", help="keep 32 bits, to compare")
    step.set_defaults(run=_export)


def _export(arguments: argparse.Namespace) -> None:
    from .steps import export

    a = arguments
    bytes_ = export(a.work, a.checkpoint or a.work / "student", not a.float)
    print(f"{bytes_ / 2**20:.2f} MiB", flush=True)


def _add_measure(steps: "Steps") -> None:
    step = _step(steps, "measure", "BLEU, chrF and milliseconds of the exported graphs")
    step.add_argument("--data", type=Path, required=True, help="the data folder")
    step.add_argument("--graphs", type=Path, help="folder of the graphs")
    step.add_argument("--sets", default="test.tatoeba,test.multi30k,test.captions")
    step.add_argument("--texts", type=int, default=300, help="so many of each set and language")
    step.add_argument("--bare", action="store_true", help="sources without case and punctuation")
    step.set_defaults(run=_measure)


def _measure(arguments: argparse.Namespace) -> None:
    from .measure import report_graphs

    a = arguments
    folder = a.graphs or a.work / "graphs"
    for line in report_graphs(folder, a.data, a.sets.split(","), a.texts, a.bare):
        print(line, flush=True)


def _add_hypotheses(steps: "Steps") -> None:
    step = _step(steps, "hypotheses", "translate all test sets in one go, on a GPU")
    step.add_argument("--checkpoint", type=Path, help="folder of a checkpoint")
    step.add_argument("--out", type=Path, help="folder for what is found")
    step.add_argument("--ways", default="draft,greedy,beam")
    step.add_argument("--places", type=int, default=200_000, help="pieces decoded at once")
    _add_device(step)
    step.set_defaults(run=_hypotheses)


def _hypotheses(arguments: argparse.Namespace) -> None:
    from .measure import write_hypotheses
    from .pieces import Pieces
    from .steps import load_translator

    a = arguments
    net = load_translator(a.checkpoint or a.work / "student").to(_device(a))
    out = a.out or a.work / "hypotheses"
    # the work folder holds a copy of the sets, so the data folder need not travel
    write_hypotheses(net, Pieces(a.work / "pieces.model"), a.work, out, a.ways.split(","), a.places)


def _add_score(steps: "Steps") -> None:
    step = _step(steps, "score", "BLEU and chrF of hypotheses")
    step.add_argument("--found", type=Path, help="folder of the hypotheses")
    step.set_defaults(run=_score)


def _score(arguments: argparse.Namespace) -> None:
    from .measure import report_hypotheses
    from .pieces import Pieces

    a = arguments
    pieces = Pieces(a.work / "pieces.model")
    for line in report_hypotheses(a.found or a.work / "hypotheses", a.work, pieces):
        print(line, flush=True)


def _add_curve(steps: "Steps") -> None:
    step = _step(steps, "curve", "draw the learning curve")
    step.add_argument("--checkpoint", type=Path, help="folder of a checkpoint")
    step.set_defaults(run=_curve)


def _curve(arguments: argparse.Namespace) -> None:
    from .curve import draw_curve

    folder = arguments.checkpoint or arguments.work / "student"
    draw_curve(folder / "curve.jsonl", folder / "curve.png")


def _add_random(steps: "Steps") -> None:
    step = _step(steps, "random", "write graphs of random weights: what a shape costs")
    step.add_argument("--out", type=Path, required=True, help="folder for the graphs")
    _add_shape(step, {})
    step.set_defaults(run=_random)


def _random(arguments: argparse.Namespace) -> None:
    from .price import price

    print(json.dumps(price(_shape(arguments), arguments.out)))


def _add_all(steps: "Steps") -> None:
    step = _step(steps, "all", "every step in order; what is done already is not done again")
    step.add_argument("--data", type=Path, required=True, help="the data folder")
    step.add_argument("--tiny", action="store_true", help="a small network, to try the way")
    step.add_argument("--teacher-seconds", type=float, default=420.0)
    step.add_argument("--student-seconds", type=float, default=420.0)
    step.add_argument("--distil-seconds", type=float)
    step.add_argument("--texts", type=int, default=300, help="measured of each set and language")
    step.add_argument("--until", default="measure", help="the last step to run")
    step.add_argument("--pieces", type=int, default=8000, help="size of the vocabulary")
    step.add_argument("--tokens", type=int, help="places of a batch")
    step.add_argument("--peak-rate", type=float)
    _add_preparing(step)
    _add_device(step)
    step.set_defaults(run=_all)


def _all(arguments: argparse.Namespace) -> None:
    """Runs the other commands as they would be typed."""
    a = arguments
    size = [*(TINY.split() if a.tiny else []), "--pieces", str(a.pieces)]
    device = ["--device", a.device]
    more = [
        *(["--tokens", str(a.tokens)] if a.tokens else []),
        *(["--peak-rate", str(a.peak_rate)] if a.peak_rate else []),
    ]
    limit = ["--limit", str(a.limit)] if a.limit else []
    until = ["--seconds", str(a.distil_seconds)] if a.distil_seconds else []
    data = ["--data", str(a.data)]
    steps: list[tuple[str, list[str]]] = [
        ("prepare", [*data, "--english", str(a.english), "--pieces", str(a.pieces), *limit]),
        ("teacher", ["--seconds", str(a.teacher_seconds), *size, *device, *more]),
        ("distil", [*until, *device]),
        ("student", ["--seconds", str(a.student_seconds), *size, *device, *more]),
        ("hypotheses", device),
        ("score", []),
        ("export", []),
        ("measure", [*data, "--texts", str(a.texts)]),
    ]
    last = [name for name, _ in steps].index(a.until)
    for name, typed in steps[: last + 1]:
        done = a.work / f"{name}.done"
        if not done.exists():
            print(f"== {name}", flush=True)
            _run([name, "--work", str(a.work), *typed], _processes(name, a.device))
            done.touch()


def _processes(name: str, device: str) -> int:
    """One for each GPU where a step can use them."""
    import torch

    shared = device == "cuda" and name in {"teacher", "distil", "student"}
    return torch.cuda.device_count() if shared else 1


def _run(typed: list[str], processes: int) -> None:
    """A step in a process of its own: what one leaves on the GPU is gone for the next."""
    import subprocess
    import sys

    several = ["torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m"]
    how = several if processes > 1 else []
    command = [sys.executable, "-m", *how, "training.translation", *typed]
    subprocess.run(command, check=True)


def _add_training(step: argparse.ArgumentParser) -> None:
    step.add_argument("--seconds", type=float, help="end after so long (set-up included)")
    step.add_argument("--steps", type=int, help="end at this step of the whole training")
    step.add_argument("--resume", type=Path, help="folder of a checkpoint to go on from")
    step.add_argument("--out", type=Path, help="folder for checkpoint and curve")
    step.add_argument("--no-fuse", action="store_true", help="do without torch.compile")
    step.add_argument("--tokens", type=int, help="places of a batch, a side and a process")
    step.add_argument("--peak-rate", type=float)
    step.add_argument("--dropout", type=float)
    step.add_argument("--warm-steps", type=int)
    step.add_argument("--average", type=float, help="of each step's weights so much is kept")
    _add_device(step)


def _recipe(arguments: argparse.Namespace, default: "Recipe") -> "Recipe":
    names = ("tokens", "peak_rate", "dropout", "warm_steps", "average")
    given = {name: getattr(arguments, name) for name in names}
    return replace(default, **{name: v for name, v in given.items() if v is not None})


def _job(arguments: argparse.Namespace, name: str) -> "Job":
    from training.captions.recipe import Job

    a = arguments
    if a.seconds is None and a.steps is None:
        raise SystemExit("give --seconds or --steps")
    return Job(
        out=a.out or a.work / name,
        device=_device(a),
        seconds=a.seconds,
        steps=a.steps,
        resume=a.resume,
        fuse=not a.no_fuse,
        every=250,
        measure_every=2000,
    )


def _add_device(step: argparse.ArgumentParser) -> None:
    step.add_argument("--device", default="cuda", help="cuda or cpu")


def _device(arguments: argparse.Namespace) -> "torch.device":
    import torch

    from training.captions.parallel import share_of_environment

    torch.set_float32_matmul_precision("high")
    if arguments.device == "cuda":
        torch.cuda.set_device(share_of_environment().rank)
    return torch.device(arguments.device)


def _add_shape(step: argparse.ArgumentParser, defaults: dict[str, int]) -> None:
    from .shape import Shape

    for name, value in {**Shape().as_dict(), **defaults}.items():
        if name != "pieces":
            step.add_argument(f"--{name.replace('_', '-')}", type=int, default=value)


def _shape(arguments: argparse.Namespace) -> "Shape":
    from .shape import Shape

    return Shape(**{name: getattr(arguments, name) for name in Shape().as_dict()})


def _step(steps: "Steps", name: str, summary: str) -> argparse.ArgumentParser:
    step = steps.add_parser(name, help=summary, description=summary)
    step.add_argument("--work", type=Path, default=DEFAULT_WORK, help="folder for what is made")
    if name in {"prepare", "teacher", "student", "random"}:
        step.add_argument("--pieces", type=int, default=8000, help="size of the vocabulary")
    return step


if __name__ == "__main__":
    main()
