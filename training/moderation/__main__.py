"""From data to shipped weights: one command; a step whose result lies in WORK is not done again."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .mixture import Mixture


STEPS = ("train", "draft", "assemble", "measure")


def main() -> None:
    arguments = _parser().parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    runs = {"train": _train, "draft": _draft, "assemble": _assemble, "measure": _measure}
    for step in arguments.only.split(",") if arguments.only else STEPS:
        runs[step](arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.moderation",
        description=__doc__,
        epilog="example: python -m training.moderation --data ../shared/data --work .work/m",
    )
    parser.add_argument("--data", type=Path, required=True, help="the data folder")
    parser.add_argument("--work", type=Path, required=True, help="folder for what is made")
    parser.add_argument("--only", help=f"some of the steps {', '.join(STEPS)}, by commas")
    parser.add_argument("--minutes", type=float, default=50.0, help="of training the encoder")
    parser.add_argument("--steps", type=int, help="of training the encoder, in place of minutes")
    parser.add_argument("--batch", type=int, help="texts a step (32, on a GPU 128)")
    parser.add_argument("--frozen", type=int, help="lower layers that stay (2, on a GPU none: -1)")
    parser.add_argument("--most", type=int, help="texts of a split, to try the way")
    parser.add_argument("--draft-epochs", type=int, default=1, help="that the draft sees")
    parser.add_argument("--epoch-share", type=float, help="a smaller epoch (0.65, on a GPU 1)")
    parser.add_argument("--longest", type=int, help="pieces of a text (48, on a GPU 64)")
    parser.add_argument("--layers", type=int, default=4, help="of MiniLM's six")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", help="cuda or cpu; cuda where there is one")
    return parser


def _mixture(arguments: argparse.Namespace) -> "Mixture":
    from .mixture import Amounts, Mixture

    share = arguments.epoch_share or (1.0 if _is_gpu(arguments) else 0.65)
    return Mixture(arguments.data, arguments.seed, Amounts().scaled(share))


def _is_gpu(arguments: argparse.Namespace) -> bool:
    import torch

    wanted = arguments.device or ("cuda" if torch.cuda.is_available() else "cpu")
    return bool(wanted == "cuda")


def _longest(arguments: argparse.Namespace) -> int:
    return int(arguments.longest or (64 if _is_gpu(arguments) else 48))


def _train(arguments: argparse.Namespace) -> None:
    import torch
    from safetensors.torch import load_file

    from .batches import Epochs
    from .model import Encoder, Shape, adopt_minilm
    from .train import Job, Recipe, Trainer
    from .vocabulary import find_start, load_vocabulary, make_vocabulary

    work, start, gpu = arguments.work, find_start(), _is_gpu(arguments)
    torch.set_float32_matmul_precision("high")
    torch.manual_seed(arguments.seed)
    shape = Shape(layers=arguments.layers)
    mixture = _mixture(arguments)
    vocabulary = work / "vocab.txt"
    if not vocabulary.with_suffix(".json").exists():
        make_vocabulary(mixture.texts(), start, shape.pieces, vocabulary)
    frozen = arguments.frozen if arguments.frozen is not None else (-1 if gpu else 2)
    net = Encoder(shape, frozen)
    adopt_minilm(net, load_file(start / "model.safetensors"), load_vocabulary(vocabulary)[1])
    recipe = Recipe(
        batch=arguments.batch or (128 if gpu else 32),
        longest=_longest(arguments),
        seed=arguments.seed,
    )
    processes = max(1, (os.cpu_count() or 1) - 2) if gpu else 0
    epochs = Epochs(mixture, vocabulary, recipe.longest, processes)
    device = torch.device("cuda" if gpu else "cpu")
    minutes = None if arguments.steps else arguments.minutes
    job = Job(work / "encoder", device, minutes, arguments.steps)
    try:
        Trainer(net, recipe, job, epochs).run()
    finally:
        epochs.close()


def _draft(arguments: argparse.Namespace) -> None:
    from safetensors.torch import save_file

    from .draft import DraftRecipe, train_draft
    from .scoring import encode_all

    mixture = _mixture(arguments)
    numbers = range(arguments.draft_epochs)
    epochs = [encode_all(mixture.epoch(n), arguments.work / "vocab.txt", 8) for n in numbers]
    net = train_draft(epochs, DraftRecipe(seed=arguments.seed))
    save_file(net.state_dict(), arguments.work / "draft.safetensors")


def _assemble(arguments: argparse.Namespace) -> None:
    from safetensors.torch import load_file

    from .assemble import assemble
    from .draft import Linear
    from .train import load_encoder

    draft = Linear()
    draft.load_state_dict(load_file(arguments.work / "draft.safetensors"))
    encoder = load_encoder(arguments.work / "encoder")
    assemble(encoder, draft, arguments.work, arguments.data, _longest(arguments), arguments.most)


def _measure(arguments: argparse.Namespace) -> None:
    from .measure import measure

    measure(arguments.work / "model", arguments.work, arguments.data, arguments.most)


if __name__ == "__main__":
    main()
