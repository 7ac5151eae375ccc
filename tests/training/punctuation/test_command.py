"""One command from texts to a model that writes."""

from __future__ import annotations

import json
import lzma
from argparse import Namespace
from pathlib import Path

import pytest

from stream.core.messages import Word
from training.punctuation.__main__ import run
from workers.engines.formatting.formatter import Formatter
from workers.engines.formatting.tagger import Tagger

PARAGRAPH = "When Anna came home, the dog was in London. Who was there? Nobody knew it.\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder like the data's, with little in it."""
    folder = tmp_path / "data"
    for name in ("text", "translation", "speech/commonvoice-deltas-train", "speech/kathleen-train"):
        (folder / name).mkdir(parents=True)
    for name in ("eltec-eng", "english-novels-100"):
        compress(folder / "text" / f"{name}.txt.xz", PARAGRAPH * 900)
    sentences = "".join(
        f"Anna has {number} dogs.\tAnna hat Hunde.\t{source}\n"
        for number in range(60)
        for source in ("tatoeba", "europarl20k")
    )
    for language in ("de", "fr", "es"):
        compress(folder / "translation" / f"train.en-{language}.tsv.xz", sentences)
    compress(folder / "translation" / "test.captions.en-de.tsv.xz", PARAGRAPH * 20)
    for name in ("commonvoice-deltas-train", "kathleen-train"):
        lines = (json.dumps({"text": f"Number {at} is here, in London. " * 9}) for at in range(9))
        (folder / "speech" / name / "manifest.jsonl").write_text("\n".join(lines), "utf-8")
    return folder


def compress(path: Path, text: str) -> None:
    path.write_bytes(lzma.compress(text.encode(), preset=0))


def test_from_texts_to_a_model_that_writes(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work, out = tmp_path / "work", tmp_path / "model"
    run(Namespace(data=data, work=work, out=out, words=40_000, threads=1, seed=0, tiny=True))
    told = capsys.readouterr().out
    assert [line.split(":")[0] for line in told.splitlines() if "F1" in line] == [
        *("novels", "tatoeba", "modern", "lectures"),
        *("commonvoice-deltas-train", "kathleen-train"),
    ]
    spoken = "when anna came home the dog was in london".split()
    words = [Word(word=w, start=at, end=at + 0.9, confidence=1.0) for at, w in enumerate(spoken)]
    written = [word.word for word in Formatter(Tagger(out))(words)]
    assert [word.strip(",.?").lower() for word in written] == spoken
