"""The steps behind training: what ships is written, measured and drawn."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .steps import add_step

if TYPE_CHECKING:
    from .steps import Steps


def add_export(steps: "Steps") -> None:
    step = add_step(steps, "export", "write the step graph with 8-bit weights")
    step.add_argument("--data", type=Path, required=True, help="the data folder")
    step.add_argument("--checkpoint", type=Path, help="folder of a checkpoint")
    step.add_argument("--left", type=int, default=96, help="frames of the past that are kept")
    step.add_argument("--priors", type=float, default=0.5, help="how far priors are divided out")
    step.set_defaults(run=_export)


def _export(arguments: argparse.Namespace) -> None:
    from .audio import read_many
    from .checkpoint import load_recogniser
    from .corpus import load_corpus
    from .export import discount_priors, export_step, quantise_step
    from .measure import log_probs, priors_of

    work = arguments.work
    net = load_recogniser(arguments.checkpoint or work / "checkpoint")
    held = [u for u in load_corpus(work / "utterances.jsonl") if u.fold == "held"]
    waves = read_many([arguments.data / "speech" / u.audio for u in held], 1)
    scores = [phones for phones, _ in log_probs(net, waves, 8, arguments.left)]
    discount_priors(net, priors_of(scores), arguments.priors)
    export_step(net, work / "step.fp32.onnx", arguments.left)
    quantise_step(work / "step.fp32.onnx", work / "step.onnx")
    print(f"{work / 'step.onnx'}: {(work / 'step.onnx').stat().st_size / 2**20:.1f} MiB")


def add_export_lm(steps: "Steps") -> None:
    step = add_step(steps, "export-lm", "write the rescorer's graph with 8-bit weights")
    step.add_argument("--checkpoint", type=Path, help="folder of what `lm` wrote")
    step.set_defaults(run=_export_lm)


def _export_lm(arguments: argparse.Namespace) -> None:
    from .export_lm import export_lm
    from .train_lm import load_lm

    path = arguments.work / "rescorer.onnx"
    export_lm(load_lm(arguments.checkpoint or arguments.work / "lm-large"), path)
    print(f"{path}: {path.stat().st_size / 2**20:.1f} MiB")


def add_measure(steps: "Steps") -> None:
    step = add_step(steps, "measure", "word error rates of the exported graph, streaming")
    step.add_argument("--data", type=Path, required=True, help="the data folder")
    step.add_argument("--sets", default="held", help="held or test folders, by commas")
    step.add_argument("--chunks", default="8", help="chunk lengths in frames of 40 ms, by commas")
    step.add_argument("--graph", default="step.onnx", help="the graph's file in the work folder")
    step.add_argument("--words", type=Path, help="folder of lexicon and language model, also .xz")
    step.add_argument("--every", type=int, default=1, help="measure only one recording in so many")
    step.set_defaults(run=_measure)


def _measure(arguments: argparse.Namespace) -> None:
    from workers.engines.conformer.encoder import Encoder

    from .corpus import load_corpus
    from .decode import WordDecoder, read_lexicon, unpacked
    from .measure import measure_set, pick_set
    from .phones import BOUNDARY, PHONE_TOKENS

    work = arguments.work
    encoder = Encoder(work / arguments.graph)
    words = arguments.words or work
    lexicon = read_lexicon(unpacked(words / "lexicon.txt", work))
    model = unpacked(words / "words.bin", work)
    decoder = WordDecoder(PHONE_TOKENS, BOUNDARY, lexicon, model)
    utterances = load_corpus(work / "utterances.jsonl")
    for name in arguments.sets.split(","):
        chosen = pick_set(utterances, name)[:: arguments.every]
        for chunk in map(int, arguments.chunks.split(",")):
            found = measure_set(encoder, decoder, chosen, arguments.data / "speech", chunk)
            print(f"{name} chunk {chunk * 40} ms: {found}", flush=True)


def add_curve(steps: "Steps") -> None:
    step = add_step(steps, "curve", "draw the learning curve")
    step.add_argument("--checkpoint", type=Path, help="folder of a checkpoint")
    step.set_defaults(run=_curve)


def _curve(arguments: argparse.Namespace) -> None:
    from .curve import draw_curve

    folder = arguments.checkpoint or arguments.work / "checkpoint"
    draw_curve(folder / "curve.jsonl", folder / "curve.png")
