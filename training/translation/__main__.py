"""The steps from data to shipped weights, each a command; README.md gives their order."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .shape import Shape

    Steps = argparse._SubParsersAction[argparse.ArgumentParser]

DEFAULT_WORK = Path(".work/translation")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.translation", description=__doc__)
    steps = parser.add_subparsers(dest="step", required=True)
    for add in (_add_prepare, _add_random):
        add(steps)
    arguments = parser.parse_args()
    arguments.run(arguments)


def _add_prepare(steps: "Steps") -> None:
    step = _step(steps, "prepare", "read the data folder; write vocabulary and packed pairs")
    step.add_argument("--data", type=Path, required=True, help="the data folder")
    step.add_argument("--english", type=int, default=200_000, help="sentences to translate anew")
    step.add_argument("--limit", type=int, help="keep so many pairs only, to try the way")
    step.add_argument("--pieces", type=int, default=8000, help="size of the vocabulary")
    step.set_defaults(run=_prepare)


def _prepare(arguments: argparse.Namespace) -> None:
    from .prepare import prepare

    a = arguments
    print(prepare(a.data, a.work, a.english, a.limit, a.pieces), flush=True)


def _add_random(steps: "Steps") -> None:
    step = _step(steps, "random", "write graphs of random weights: what a shape costs")
    step.add_argument("--out", type=Path, required=True, help="folder for the graphs")
    _add_shape(step)
    step.set_defaults(run=_random)


def _random(arguments: argparse.Namespace) -> None:
    from .price import price

    print(price(_shape(arguments), arguments.out))


def _add_shape(step: argparse.ArgumentParser) -> None:
    from .shape import Shape

    for name, value in Shape().as_dict().items():
        step.add_argument(f"--{name.replace('_', '-')}", type=int, default=value)


def _shape(arguments: argparse.Namespace) -> "Shape":
    from .shape import Shape

    return Shape(**{name: getattr(arguments, name) for name in Shape().as_dict()})


def _step(steps: "Steps", name: str, summary: str) -> argparse.ArgumentParser:
    step = steps.add_parser(name, help=summary, description=summary)
    step.add_argument("--work", type=Path, default=DEFAULT_WORK, help="folder for what is made")
    return step


if __name__ == "__main__":
    main()
