"""From data to shipped weights: one command; a step whose result lies in WORK is not done again."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .mixture import Mixture


STEPS = ("prepare", "train", "draft", "assemble", "measure")


def main() -> None:
    arguments = _parser().parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    runs = {
        "prepare": _prepare,
        "train": _train,
        "draft": _draft,
        "assemble": _assemble,
        "measure": _measure,
    }
    for step in arguments.only.split(",") if arguments.only else STEPS:
        runs[step](arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.moderation",
        description=__doc__,
        epilog="example: python -m training.moderation --data ../shared/data --work .work/m",
    )
    parser.add_argument("--data", type=Path, help="the data folder; training needs none")
    parser.add_argument("--work", type=Path, required=True, help="folder for what is made")
    parser.add_argument("--only", help=f"some of the steps {', '.join(STEPS)}, by commas")
    parser.add_argument("--epochs", type=int, default=5, help="made ahead of training")
    parser.add_argument("--longest", type=int, default=64, help="pieces of a text")
    parser.add_argument("--epoch-share", type=float, default=1.0, help="for smaller epochs")
    parser.add_argument("--minutes", type=float, default=3.3, help="of training at most")
    parser.add_argument("--teachers", type=int, default=5, help="0: learn the annotations only")
    parser.add_argument("--teacher-passes", type=float, default=8, help="over an epoch's texts")
    parser.add_argument("--passes", type=float, default=30, help="of a student")
    parser.add_argument("--layers", type=_numbers, default=(4,), help="of students: 4,3")
    parser.add_argument("--batch", type=int, default=256, help="texts a step")
    parser.add_argument("--frozen", type=int, default=-1, help="a student's layers that stay")
    parser.add_argument("--ship", type=int, help="the student that is assembled, by its layers")
    parser.add_argument("--most", type=int, help="texts of a split, to try the way")
    parser.add_argument("--draft-epochs", type=int, default=2, help="that the draft sees")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", help="cuda or cpu; cuda where there is one")
    return parser


def _numbers(told: str) -> tuple[int, ...]:
    return tuple(int(number) for number in told.split(","))


def _mixture(arguments: argparse.Namespace) -> "Mixture":
    from .mixture import Amounts, Mixture

    if arguments.data is None:
        raise SystemExit("this step reads the data: --data FOLDER")
    return Mixture(arguments.data, arguments.seed, Amounts().scaled(arguments.epoch_share))


def _prepare(arguments: argparse.Namespace) -> None:
    from .prepare import prepare, unlabelled_count

    mixture, unlabelled = _mixture(arguments), unlabelled_count(arguments.epoch_share)
    work, data = arguments.work, arguments.data
    prepare(mixture, data, work, arguments.epochs, unlabelled, arguments.longest)


def _train(arguments: argparse.Namespace) -> None:
    import torch

    from .chain import Plan, train_all
    from .train import Recipe

    torch.set_float32_matmul_precision("high")
    found = "cuda" if torch.cuda.is_available() else "cpu"
    plan = Plan(
        teachers=arguments.teachers,
        teacher_passes=arguments.teacher_passes,
        students=arguments.layers,
        student_passes=arguments.passes,
        frozen=arguments.frozen,
        seconds=60 * arguments.minutes,
    )
    recipe = Recipe(batch=arguments.batch, seed=arguments.seed)
    train_all(arguments.work, plan, recipe, torch.device(arguments.device or found))


def _draft(arguments: argparse.Namespace) -> None:
    from safetensors.torch import save_file

    from .draft import DraftRecipe, train_draft
    from .lessons import lessons
    from .prepare import unlabelled_count

    mixture, work = _mixture(arguments), arguments.work
    texts = {f"epoch-{n}": mixture.epoch(n) for n in range(arguments.draft_epochs)}
    texts["unlabelled"] = mixture.unlabelled(unlabelled_count(arguments.epoch_share))
    net = train_draft(lessons(work, texts), DraftRecipe(seed=arguments.seed))
    save_file(net.state_dict(), work / "draft.safetensors")


def _assemble(arguments: argparse.Namespace) -> None:
    from safetensors.torch import load_file

    from .assemble import assemble
    from .draft import Linear
    from .parts import load_encoder

    draft = Linear()
    draft.load_state_dict(load_file(arguments.work / "draft.safetensors"))
    encoder = load_encoder(arguments.work / f"student-{arguments.ship or arguments.layers[0]}")
    assemble(encoder, draft, arguments.work, arguments.data, arguments.longest, arguments.most)


def _measure(arguments: argparse.Namespace) -> None:
    from .measure import measure

    measure(arguments.work / "model", arguments.work, arguments.data, arguments.most)


if __name__ == "__main__":
    main()
