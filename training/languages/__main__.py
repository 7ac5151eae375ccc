"""Counts letter runs of English, German, French and Spanish sentences, and measures the detector.

    python -m training.languages --data DIR

Reads the Tatoeba sentences (CC BY 2.0) of DIR/translation/train.*, writes
workers/models/languages/runs.json, and prints one JSON line: the share of the Tatoeba test
sentences whose language is found.
"""

from __future__ import annotations

import argparse
import json
import lzma
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from workers.core.languages import Detector, runs
from workers.languages import TABLES, load_detector

KEPT = 2_000
SENTENCES = 100_000


def pairs(path: Path, source: str = "") -> Iterator[tuple[str, str]]:
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            english, foreign, *rest = line.rstrip("\n").split("\t")
            if not source or source in rest[0].lower():
                yield english, foreign


def sentences(data: Path, kind: str, source: str = "") -> dict[str, list[str]]:
    """Sentences by language, each once."""
    found: dict[str, dict[str, None]] = {}
    for language in ("de", "fr", "es"):
        path = data / "translation" / f"{kind}.en-{language}.tsv.xz"
        for english, foreign in pairs(path, source):
            found.setdefault("en", {})[english] = None
            found.setdefault(language, {})[foreign] = None
    return {language: list(said)[:SENTENCES] for language, said in found.items()}


def count(said: list[str]) -> dict[str, float]:
    """The logarithm of each frequent run's share."""
    counts = Counter(run for sentence in said for run in runs(sentence))
    whole = sum(counts.values())
    return {run: round(math.log(n / whole), 2) for run, n in counts.most_common(KEPT)}


def right(detector: Detector, said: dict[str, list[str]]) -> dict[str, float]:
    return {
        language: round(
            sum(detector.detect(text)[0].language == language for text in texts) / len(texts), 4
        )
        for language, texts in said.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    data = parser.parse_args().data
    tables = {each: count(said) for each, said in sentences(data, "train", "tatoeba").items()}
    rare = round(min(min(table.values()) for table in tables.values()) - 1, 2)
    TABLES.parent.mkdir(parents=True, exist_ok=True)
    TABLES.write_text(json.dumps({"rare": rare, "tables": tables}, ensure_ascii=False) + "\n")
    print(json.dumps({"right": right(load_detector(), sentences(data, "test.tatoeba"))}))


if __name__ == "__main__":
    main()
