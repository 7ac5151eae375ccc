"""What the exported graph makes of held-out text, and of texts that training never saw."""

import json
import lzma
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from workers.engines.formatting.vocabulary import read_vocabulary
from workers.engines.onnx import open_graph

from .measure import measure
from .prepare import DOMAINS, Words, encode_text, load
from .windows import LENGTHS, Batch, Windows

READ = ("commonvoice-deltas-train", "kathleen-train")
LEAST_WORDS = 80


def report(data: Path, work: Path, out: Path, seed: int) -> None:
    """Prints a line for each text, in segments drawn as for training."""
    session = open_graph(out / "tagger.onnx")

    def scores(ids: torch.Tensor, habits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        feeds = {"ids": ids.numpy(), "habits": habits.numpy()}
        marks, cases = session.run(None, feeds)
        return torch.from_numpy(np.asarray(marks)), torch.from_numpy(np.asarray(cases))

    for name, words in texts(data, work, out):
        windows = Windows({name: words}, {name: 1.0}, seed)
        batches = [_batch(windows, words, length) for length in LENGTHS]
        print(f"{name}: {measure(scores, batches)}", flush=True)


def texts(data: Path, work: Path, out: Path) -> Iterator[tuple[str, Words]]:
    for domain in DOMAINS:
        yield domain, load(work, domain, "held")
    vocabulary = read_vocabulary(out / "words.txt.xz")
    captions = data / "translation" / "test.captions.en-de.tsv.xz"
    with lzma.open(captions, "rt", encoding="utf-8") as file:
        yield "lectures", encode_text((line.split("\t")[0] for line in file), vocabulary)
    for folder in READ:
        lines = (data / "speech" / folder / "manifest.jsonl").read_text("utf-8").splitlines()
        sentences = dict.fromkeys(json.loads(line)["text"] for line in lines)
        yield folder, encode_text(sentences, vocabulary)


def _batch(windows: Windows, words: Words, length: int) -> Batch:
    return windows.batch(length, min(20_000, 2 * len(words.ids)) // length)
