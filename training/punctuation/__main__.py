"""Case and punctuation: from texts to shipped weights in one command."""

import argparse
import shutil
from pathlib import Path

MODELS = Path(__file__).parents[2] / "workers" / "models" / "punctuation"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.punctuation", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the data folder")
    parser.add_argument("--work", type=Path, default=Path(".work/punctuation"))
    parser.add_argument("--out", type=Path, default=MODELS, help="folder of the shipped model")
    parser.add_argument("--words", type=int, default=6_000_000, help="words seen in training")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tiny", action="store_true", help="a small network, to try the way")
    run(parser.parse_args())


def run(arguments: argparse.Namespace) -> None:
    import torch

    from .export import export
    from .model import Shape
    from .prepare import prepare
    from .report import report
    from .train import Recipe, train

    torch.set_num_threads(arguments.threads)
    work = arguments.work
    if not (work / "words.txt.xz").exists():
        prepare(arguments.data, work, arguments.seed)
    shape = Shape(8, 16, 16, 1) if arguments.tiny else Shape()
    recipe = Recipe(words=arguments.words, seed=arguments.seed)
    tagger = train(work, shape, recipe)
    arguments.out.mkdir(parents=True, exist_ok=True)
    export(tagger, arguments.out / "tagger.onnx")
    shutil.copyfile(work / "words.txt.xz", arguments.out / "words.txt.xz")
    report(arguments.data, work, arguments.out, recipe.seed)


if __name__ == "__main__":
    main()
