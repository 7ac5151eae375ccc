"""Texts to word pieces: what the neural language model's training reads, without SentencePiece."""

import json
import lzma
import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import sentencepiece

from .corpus import Utterance
from .neural_lm import MARK, PIECES

RUNNING = 0.5
"""Share of the novels' sentences that run on into the next: a segment seldom ends where a
sentence does."""


def train_pieces(texts: Sequence[Path], model: Path, sentences: int = 400_000) -> None:
    """A unigram SentencePiece model; MARK is the sentence mark and stands for unknown too."""
    sentencepiece.SentencePieceTrainer.train(
        input=",".join(map(str, texts)),
        model_prefix=str(model.with_suffix("")),
        vocab_size=PIECES,
        model_type="unigram",
        character_coverage=1.0,
        input_sentence_size=sentences,
        shuffle_input_sentence=True,
        unk_id=MARK,
        bos_id=-1,
        eos_id=-1,
        pad_id=-1,
        normalization_rule_name="identity",
        num_threads=2,
        minloglevel=1,
    )


def encode_text(text: Path, model: Path, out: Path, running: float = 0.0) -> int:
    """The text as uint16 pieces, a MARK behind each sentence that does not run on; returns how
    many.
    """
    encoder = sentencepiece.SentencePieceProcessor(model_file=str(model))
    chance, total = random.Random(0), 0
    with lzma.open(out, "wb", preset=4) as file, text.open(encoding="ascii") as lines:
        while batch := [line.rstrip("\n") for line in islice(lines, 20_000)]:
            pieces: list[int] = []
            for ids in encoder.encode(batch):
                pieces += ids if chance.random() < running else (*ids, MARK)
            file.write(np.asarray(pieces, dtype="<u2").tobytes())
            total += len(pieces)
    return total


def encode_held(utterances: Iterable[Utterance], model: Path, out: Path) -> None:
    """JSON: of each held folder how many words its transcripts have, and their pieces."""
    encoder = sentencepiece.SentencePieceProcessor(model_file=str(model))
    folders: dict[str, list[str]] = {}
    for utterance in utterances:
        if utterance.fold == "held":
            folders.setdefault(utterance.audio.split("/")[0], []).append(utterance.words)
    held = {
        folder: {
            "words": sum(len(words.split()) for words in texts),
            "pieces": encoder.encode(texts),
        }
        for folder, texts in folders.items()
    }
    out.write_text(json.dumps(held), encoding="ascii")


def encode_texts(work: Path, utterances: Sequence[Utterance]) -> Iterator[tuple[str, int]]:
    """All that training needs into `work`/lm-data; gives each text's name and how many pieces."""
    folder, texts = work / "lm-data", sorted((work / "texts").glob("*.txt"))
    folder.mkdir(exist_ok=True)
    model = folder / "pieces.model"
    train_pieces(texts, model)
    encode_held(utterances, model, folder / "held.json")
    for text in texts:
        running = RUNNING if text.stem == "novels" else 0.0
        yield text.stem, encode_text(text, model, folder / f"{text.stem}.xz", running)
