"""The language models' texts: none of another fold's sentences is among them."""

import lzma
from pathlib import Path

import pytest

pytest.importorskip("soundfile")

from training.captions.corpus import Utterance, write_corpus
from training.captions.prepare import NOVELS, mix_texts, prepare_texts
from training.captions.text import Secret

HELD = "ONE TWO THREE FOUR FIVE SIX SEVEN EIGHT NINE"


def test_a_secret_is_told_whole_or_by_eight_words_in_a_row() -> None:
    secret = Secret([HELD, "YES"])
    assert secret.holds("YES")
    assert secret.holds(f"AND {HELD} TEN")
    assert secret.holds("TWO THREE FOUR FIVE SIX SEVEN EIGHT NINE OR TEN")
    assert not secret.holds("TWO THREE FOUR FIVE SIX SEVEN EIGHT OR NINE")
    assert not secret.holds("OH YES")


def test_texts_are_kept_apart_and_mixed_by_their_worth(tmp_path: Path) -> None:
    (tmp_path / "text").mkdir()
    (tmp_path / "translation").mkdir()
    for name in NOVELS:
        (tmp_path / "text" / name).write_bytes(lzma.compress(b"It was late. Yes. He slept."))
    lines = f"{HELD.lower()} ten\tzehn\tchat\nIt's 5 o'clock.\tEs ist 5\tchat\n" * 2
    pairs = lzma.compress(lines.encode())
    (tmp_path / "translation" / "train.en-de.tsv.xz").write_bytes(pairs)
    folds = {"train": "WE SPEAK", "held": HELD, "test": "YES"}
    write_corpus(
        tmp_path / "utterances.jsonl",
        [Utterance(f"{fold}/1.opus", fold, words, None, 1.0) for fold, words in folds.items()],
    )
    prepare_texts(tmp_path, tmp_path)
    read = {path.stem: path.read_text().splitlines() for path in tmp_path.glob("texts/*.txt")}
    assert read == {
        "novels": ["IT WAS LATE", "HE SLEPT"] * 2,
        "everyday": ["IT'S FIVE O'CLOCK"],
        "spoken": ["WE SPEAK"],
    }
    mixed = mix_texts(tmp_path).read_text().splitlines()
    assert (mixed.count("HE SLEPT"), mixed.count("IT'S FIVE O'CLOCK")) == (2, 2)
