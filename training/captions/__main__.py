"""The steps from data to shipped weights, each a command; README.md gives their order."""

import argparse
import os
from pathlib import Path

DEFAULT_WORK = Path(".work/captions")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.captions", description=__doc__)
    steps = parser.add_subparsers(dest="step", required=True)
    for add in (_add_prepare, _add_train, _add_lm):
        add(steps)
    arguments = parser.parse_args()
    arguments.run(arguments)


Steps = "argparse._SubParsersAction[argparse.ArgumentParser]"


def _add_prepare(steps: "Steps") -> None:
    step = _step(steps, "prepare", "read the data folder; write utterances, archives and text")
    step.add_argument("--data", type=Path, required=True, help="the data folder")
    step.set_defaults(run=_prepare)


def _prepare(arguments: argparse.Namespace) -> None:
    from .neural_lm import encode_text, train_pieces
    from .prepare import make_pronouncer, prepare_speech, prepare_text

    utterances = prepare_speech(arguments.data, arguments.work, make_pronouncer(arguments.data))
    for fold in ("train", "held", "test"):
        chosen = [u for u in utterances if u.fold == fold]
        hours = sum(u.seconds for u in chosen) / 3600
        silent = sum(u.phones is None for u in chosen)
        print(f"{fold}: {len(chosen)} recordings, {hours:.2f} h, {silent} without phones")
    text = prepare_text(arguments.data, arguments.work)
    train_pieces(text, arguments.work / "pieces.model")
    count = encode_text(text, arguments.work / "pieces.model", arguments.work / "pieces.xz")
    print(f"text: {text}, {count} pieces")


def _add_train(steps: "Steps") -> None:
    step = _step(steps, "train", "train the recogniser, from nothing or from a checkpoint")
    step.add_argument("--seconds", type=float, help="end after so long (set-up included)")
    step.add_argument("--steps", type=int, help="end at this step of the whole training")
    step.add_argument("--resume", type=Path, help="folder of a checkpoint to go on from")
    step.add_argument("--out", type=Path, help="folder for checkpoint and curve")
    step.add_argument("--no-fuse", action="store_true", help="do without torch.compile")
    step.add_argument("--tiny", action="store_true", help="a small network, to try the way")
    step.add_argument("--device", default="cuda", help="cuda or cpu")
    step.add_argument("--batch-seconds", type=float, default=400.0)
    step.add_argument("--peak-rate", type=float, default=8e-4)
    step.set_defaults(run=_train)


def _train(arguments: argparse.Namespace) -> None:
    import torch

    from .model import Shape
    from .parallel import share_of_environment
    from .prepare import load_speech
    from .train import Job, Recipe, Trainer

    if arguments.seconds is None and arguments.steps is None:
        raise SystemExit("give --seconds or --steps")
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    torch._dynamo.config.suppress_errors = True
    share = share_of_environment()
    if arguments.device == "cuda":
        torch.cuda.set_device(share.rank)
    job = Job(
        out=arguments.out or arguments.work / "checkpoint",
        device=torch.device(arguments.device),
        seconds=arguments.seconds,
        steps=arguments.steps,
        resume=arguments.resume,
        fuse=not arguments.no_fuse,
    )
    shape = Shape(width=64, layers=3, heads=2, feedforward=128) if arguments.tiny else Shape()
    recipe = Recipe(batch_s=arguments.batch_seconds, peak_rate=arguments.peak_rate)
    speech = load_speech(arguments.work, os.cpu_count() or 1)
    print(f"loaded {len(speech[0])} recordings", flush=True)
    Trainer(shape, recipe, job, *speech).run()


def _add_lm(steps: "Steps") -> None:
    step = _step(steps, "lm", "train the neural language model that rescores finals")
    step.add_argument("--seconds", type=float, required=True)
    step.add_argument("--out", type=Path)
    step.add_argument("--device", default="cuda", help="cuda or cpu")
    step.set_defaults(run=_lm)


def _lm(arguments: argparse.Namespace) -> None:
    import torch

    from .neural_lm import LmRecipe, train_lm

    torch.set_float32_matmul_precision("high")
    out = arguments.out or arguments.work / "lm"
    device = torch.device(arguments.device)
    train_lm(arguments.work / "pieces.xz", out, device, arguments.seconds, LmRecipe())


def _step(steps: "Steps", name: str, summary: str) -> argparse.ArgumentParser:
    step = steps.add_parser(name, help=summary, description=summary)
    step.add_argument("--work", type=Path, default=DEFAULT_WORK, help="folder for what is made")
    return step


if __name__ == "__main__":
    main()
