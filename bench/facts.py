"""What translation makes of sentences with numbers: BLEU, facts kept, what the model was asked.

`--data DIR` has `test.tatoeba.en-*.tsv.xz`; every sentence with a digit may be drawn. A fact is
kept where its value stands in the translation, in figures, as often as in the source.
"""

from __future__ import annotations

import argparse
import lzma
import random
import re
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import sacrebleu

from bench.figures import last_line, row
from stream.core.messages import Rung
from workers.engines.ctc_translation.engine import open_drafting
from workers.engines.sentences import Said, Sentence
from workers.engines.texts import TextEngine
from workers.ports import Render

LANGUAGES = ("de", "fr", "es")


class Counting:
    """The shipped model, and how many sentences it was asked."""

    def __init__(self) -> None:
        self._model = open_drafting()
        self.card = self._model.card
        self.asked = 0

    def translate(self, rung: Rung, sentences: Sequence[Sentence]) -> Sequence[Said]:
        self.asked += len(sentences)
        return self._model.translate(rung, sentences)


def figures(text: str) -> Counter[str]:
    """Numbers by value: what sets thousands apart, and a time's empty minutes, do not count."""
    joined = re.sub(r"(?<=\d)[.,\u202f](?=\d{3}(?!\d))", "", text)
    afternoon = re.compile(r"\b(\d{1,2})((?::\d\d)?)\s?p\.?m\b", re.IGNORECASE)
    day = afternoon.sub(lambda found: f"{int(found[1]) % 12 + 12}{found[2]}", joined)
    return Counter(re.findall(r"\d+", day))


def drawn(folder: Path, language: str, count: int) -> list[tuple[str, str]]:
    with lzma.open(folder / f"test.tatoeba.en-{language}.tsv.xz", "rt") as file:
        text = file.read()
    pairs = [tuple(line.split("\t")[:2]) for line in text.splitlines()]
    found = [(source, there) for source, there in pairs if re.search(r"\d", source)]
    return random.Random(5).sample(found, count)


def measured(rung: Rung, folder: Path, count: int) -> dict[str, object]:
    """Over `count` sentences of each language, one by one."""
    model = Counting()
    engine = TextEngine(model)
    told: dict[str, object] = {}
    kept = wanted = whole = invented = 0
    began = time.process_time()
    for language in LANGUAGES:
        pairs = drawn(folder, language, count)
        said = [
            engine.run(rung, [Render(text=source, source="en", target=language)])[0].text
            for source, _ in pairs
        ]
        for (source, _), text in zip(pairs, said, strict=True):
            there, here = figures(source), figures(text)
            kept += sum((there & here).values())
            wanted += sum(there.values())
            invented += sum((here - there).values())
            whole += there == here
        references = [[there for _, there in pairs]]
        told[f"bleu_{language}"] = round(sacrebleu.corpus_bleu(said, references).score, 2)
    told |= {
        "facts_kept": round(kept / wanted, 4),
        "numbers_invented": invented,
        "sentences_right": round(whole / (count * len(LANGUAGES)), 4),
        "asked_a_sentence": round(model.asked / (count * len(LANGUAGES)), 3),
        "cpu_ms": round((time.process_time() - began) * 1000 / (count * len(LANGUAGES)), 1),
    }
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--count", type=int, default=100, help="sentences a language")
    options = parser.parse_args()
    rungs = (Rung.DRAFT, Rung.VERIFIED, Rung.REFINED)
    rows = {rung.value: measured(rung, options.data, options.count) for rung in rungs}
    for name, figures_of in rows.items():
        print(row(name, figures_of))
    print(last_line("facts", rows))


if __name__ == "__main__":
    main()
