"""The steps from data to shipped weights, each a command; README.md gives their order."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from .outcome import add_curve, add_export, add_export_lm, add_measure
from .steps import SHIPPED, add_step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .audio import Samples
    from .corpus import Utterance
    from .steps import Steps

ALIGNED_TOGETHER = 16


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.captions", description=__doc__)
    steps = parser.add_subparsers(dest="step", required=True)
    made = (_add_prepare, _add_recover, _add_align, _add_train, _add_words, _add_lm)
    for add in (*made, add_export, add_export_lm, add_measure, add_curve):
        add(steps)
    arguments = parser.parse_args()
    arguments.run(arguments)


def _add_prepare(steps: "Steps") -> None:
    step = add_step(steps, "prepare", "read the data folder; write utterances, archives and text")
    step.add_argument("--data", type=Path, required=True, help="the data folder")
    step.set_defaults(run=_prepare)


def _prepare(arguments: argparse.Namespace) -> None:
    from .lm_pieces import encode_texts
    from .prepare import make_pronouncer, prepare_speech, prepare_texts

    utterances = prepare_speech(arguments.data, arguments.work, make_pronouncer(arguments.data))
    for fold in ("train", "held", "test"):
        chosen = [u for u in utterances if u.fold == fold]
        hours = sum(u.seconds for u in chosen) / 3600
        silent = sum(u.phones is None for u in chosen)
        print(f"{fold}: {len(chosen)} recordings, {hours:.2f} h, {silent} without phones")
    prepare_texts(arguments.data, arguments.work)
    for name, count in encode_texts(arguments.work, utterances):
        print(f"{name}: {count} pieces", flush=True)


def _add_recover(steps: "Steps") -> None:
    step = add_step(steps, "recover", "read a checkpoint back out of a shipped step graph")
    step.add_argument("--data", type=Path, required=True, help="the data folder")
    step.add_argument("--graph", type=Path, default=SHIPPED / "step.onnx")
    step.add_argument("--out", type=Path, help="folder for the checkpoint")
    step.add_argument("--at-step", type=int, default=46_000, help="when the weights were made")
    step.add_argument("--left", type=int, default=96, help="frames of the past that are kept")
    step.add_argument("--priors", type=float, default=0.5, help="how far priors are divided out")
    step.set_defaults(run=_recover)


def _recover(arguments: argparse.Namespace) -> None:
    import numpy as np
    import torch

    from .audio import read_many
    from .corpus import load_corpus
    from .measure import log_probs
    from .model import Recogniser
    from .recover import recover_weights, restore_priors, save_recovered

    shape, weights = recover_weights(arguments.graph)
    net = Recogniser(shape)
    net.load_state_dict(weights)
    held = [u for u in load_corpus(arguments.work / "utterances.jsonl") if u.fold == "held"]
    waves = read_many([arguments.data / "speech" / u.audio for u in held], 1)
    scores = [phones for phones, _ in log_probs(net.eval(), waves, 8, arguments.left)]
    taken = restore_priors(np.concatenate(scores), arguments.priors)
    weights["phones.bias"] += torch.from_numpy(taken - taken.mean()).float()
    folder = arguments.out or arguments.work / "recovered"
    save_recovered(folder, shape, weights, arguments.at_step)
    print(f"{folder}: {sum(w.numel() for w in weights.values())} numbers")


def _add_align(steps: "Steps") -> None:
    step = add_step(steps, "align", "find the words' borders in the training recordings")
    step.add_argument("--data", type=Path, required=True, help="the data folder")
    step.add_argument("--checkpoint", type=Path, help="folder of a checkpoint")
    step.set_defaults(run=_align)


def _align(arguments: argparse.Namespace) -> None:
    import torch

    from .align import align_batch, read_voices, write_alignments
    from .audio import read_many
    from .checkpoint import load_recogniser
    from .corpus import load_corpus
    from .features import LogMel

    work, found = arguments.work, []
    net, mels = load_recogniser(arguments.checkpoint or work / "recovered"), LogMel()
    voices = read_voices(arguments.data)
    chosen = [u for u in load_corpus(work / "utterances.jsonl") if u.fold == "train" and u.phones]
    chosen.sort(key=lambda u: u.seconds)
    for at in range(0, len(chosen), ALIGNED_TOGETHER):
        part = chosen[at : at + ALIGNED_TOGETHER]
        waves = read_many([arguments.data / "speech" / u.audio for u in part], 1)
        with torch.autocast("cpu", torch.bfloat16):
            found += align_batch(net, mels, part, waves, voices)
        print(f"{len(found)} of {len(chosen)}", flush=True)
    write_alignments(work / "alignments.jsonl", found)


def _add_train(steps: "Steps") -> None:
    step = add_step(steps, "train", "train the recogniser, from nothing or from a checkpoint")
    step.add_argument("--seconds", type=float, help="end after so long (set-up included)")
    step.add_argument("--steps", type=int, help="end at this step of the whole training")
    step.add_argument("--resume", type=Path, help="folder of a checkpoint to go on from")
    step.add_argument("--restart", action="store_true", help="resume with a whole new cosine")
    step.add_argument("--seed", type=int, default=0, help="of weights, order, variety, splices")
    step.add_argument("--out", type=Path, help="folder for checkpoint and curve")
    step.add_argument("--no-fuse", action="store_true", help="do without torch.compile")
    step.add_argument("--tiny", action="store_true", help="a small network, to try the way")
    step.add_argument("--device", default="cuda", help="cuda or cpu")
    step.add_argument("--batch-seconds", type=float, default=400.0)
    step.add_argument("--peak-rate", type=float, default=8e-4)
    step.add_argument("--dropout", type=float, default=0.15)
    step.add_argument("--skip", type=float, default=0.0, help="stochastic depth of the last block")
    step.add_argument("--editions", type=int, default=0, help="spliced copies to turn over")
    step.add_argument("--hours", type=float, help="train on so much only, of every folder a part")
    step.add_argument("--best", type=Path, help="folder for the weights that err least")
    step.add_argument("--measure-every", type=int, default=2000, help="steps between looks at held")
    step.set_defaults(run=_train)


def _train(arguments: argparse.Namespace) -> None:
    import torch

    from .blocks import Shape
    from .parallel import share_of_environment
    from .prepare import load_speech
    from .recipe import Job, Recipe
    from .train import Trainer

    if arguments.seconds is None and arguments.steps is None:
        raise SystemExit("give --seconds or --steps")
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    torch._dynamo.config.suppress_errors = True
    speech = load_speech(arguments.work, os.cpu_count() or 1, arguments.hours)
    print(f"loaded {len(speech[0])} recordings", flush=True)
    share = share_of_environment()
    editions = _make_editions(arguments, share.rank, speech[0], speech[1])
    if arguments.device == "cuda":
        torch.cuda.set_device(share.rank)
    out = arguments.out or arguments.work / "checkpoint"
    job = Job(
        out=out,
        best=arguments.best or out.with_name("best"),
        measure_every=arguments.measure_every,
        device=torch.device(arguments.device),
        seconds=arguments.seconds,
        steps=arguments.steps,
        resume=arguments.resume,
        restart=arguments.restart,
        fuse=not arguments.no_fuse,
    )
    shape = Shape(width=64, layers=3, heads=2, feedforward=128) if arguments.tiny else Shape()
    recipe = Recipe(
        batch_s=arguments.batch_seconds,
        peak_rate=arguments.peak_rate,
        dropout=arguments.dropout,
        skip=arguments.skip,
        seed=arguments.seed,
    )
    Trainer(shape, recipe, job, *speech, editions=editions).run()


def _make_editions(
    arguments: argparse.Namespace,
    rank: int,
    utterances: "Sequence[Utterance]",
    waves: "Sequence[Samples]",
) -> "list[Path]":
    from .align import load_alignments
    from .editions import make_editions, make_sources

    if not arguments.editions:
        return []
    alignments = load_alignments(arguments.work / "alignments.jsonl")
    sources = make_sources(utterances, waves, alignments)
    folder = arguments.work / f"editions-{rank}"
    cores = os.cpu_count() or 1
    made = make_editions(sources, arguments.editions, arguments.seed, folder, processes=cores)
    print(f"spliced {len(sources)} recordings {len(made)} times", flush=True)
    return made


def _add_words(steps: "Steps") -> None:
    step = add_step(steps, "words", "build the lexicon and the n-gram language model")
    step.add_argument("--data", type=Path, required=True, help="the data folder")
    step.add_argument("--kenlm", type=Path, required=True, help="folder of lmplz, build_binary")
    step.set_defaults(run=_words)


def _words(arguments: argparse.Namespace) -> None:
    from .corpus import load_corpus
    from .export_g2p import write_g2p
    from .g2p import train_g2p
    from .lexicon import choose_words, write_lexicon
    from .ngram import build_ngram
    from .phones import read_cmudict
    from .prepare import make_pronouncer, mix_texts

    work = arguments.work
    words = choose_words(work / "texts" / "novels.txt", load_corpus(work / "utterances.jsonl"))
    (work / "vocabulary.txt").write_text("".join(f"{w}\n" for w in words), "ascii")
    spoken = write_lexicon(work / "lexicon.txt", words, make_pronouncer(arguments.data))
    print(f"lexicon: {spoken} of {len(words)} words")
    print(build_ngram(arguments.kenlm, mix_texts(work), work / "vocabulary.txt", work))
    model = train_g2p(read_cmudict(arguments.data / "text" / "cmudict.dict"), sample_every=8)
    write_g2p(model, work / "graphones.txt.xz")


def _add_lm(steps: "Steps") -> None:
    step = add_step(steps, "lm", "train the neural language model that rescores finals")
    step.add_argument("--seconds", type=float, required=True, help="end after so long")
    step.add_argument("--out", type=Path)
    step.add_argument("--shape", default="large", help="small, large or tiny")
    step.add_argument("--shares", default="novels=0.7,everyday=0.28,spoken=0.02")
    step.add_argument("--dropout", type=float, default=0.1)
    step.add_argument("--rows", type=int, default=512, help="rows of 96 pieces a step")
    step.add_argument("--peak-rate", type=float, default=3e-3)
    step.add_argument("--no-fuse", action="store_true", help="do without torch.compile")
    step.add_argument("--device", default="cuda", help="cuda or cpu")
    step.set_defaults(run=_lm)


def _lm(arguments: argparse.Namespace) -> None:
    import torch

    from .neural_lm import SHAPES
    from .train_lm import LmRecipe, LmTrainer

    torch.set_float32_matmul_precision("high")
    torch._dynamo.config.suppress_errors = True
    recipe = LmRecipe(
        shares={k: float(v) for k, v in (p.split("=") for p in arguments.shares.split(","))},
        peak_rate=arguments.peak_rate,
        rows=arguments.rows,
        dropout=arguments.dropout,
        fuse=not arguments.no_fuse,
    )
    out = arguments.out or arguments.work / f"lm-{arguments.shape}"
    shape, device = SHAPES[arguments.shape], torch.device(arguments.device)
    LmTrainer(shape, recipe, arguments.work / "lm-data", out, device).run(arguments.seconds)


if __name__ == "__main__":
    main()
