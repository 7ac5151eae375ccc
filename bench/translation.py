"""What translation costs on one core, what the ladder makes of that (ladder.py), how text grows.

Times are CPU time of one thread, so that a busy machine changes them little. The rungs of our own
model (`--model FOLDER`, else the shipped one) are put together from the steps that they take for a
sentence of 20 tokens, so that weights which say nothing sensible (`random`, as in the tests) still
give true times. Only trained weights give BLEU (`--data DIR`), acceptance and erasure.

`--hub PRETRAINED`: a folder of transformers' Marian and, in `PRETRAINED/ct2`, the same for
CTranslate2: greedy search beside verification of drafts that are right up to some token.
"""

from __future__ import annotations

import argparse
import lzma
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from bench.figures import last_line, row
from bench.growing import growing
from bench.ladder import LOADS, ladder
from bench.prices import TOKENS, Prices
from stream.core.messages import Rung
from workers.engines.ctc_translation.engine import Drafting, open_drafting
from workers.engines.ctc_translation.graphs import BEGIN, Graphs, Memory
from workers.engines.sentences import Sentence
from workers.engines.verifying import Autoregressive

BEAM = 4
STOOD = 0.5
"""The share of a sketch that stands in the first pass, where nothing was measured: the goal."""
ASSUMED = {Rung.SKETCH: 0.89, Rung.DRAFT: 0.92, Rung.VERIFIED: 1.0}
"""Quality beside greedy decoding's, where nothing was measured: a draft's is the goal."""
GROWING = 60
"""Growing captions a language."""


def timed(step: Callable[[], object], runs: int) -> float:
    """Median milliseconds of CPU; the first two runs are left out."""
    found = []
    for _ in range(runs + 2):
        began = time.process_time()
        step()
        found.append((time.process_time() - began) * 1000)
    return median(found[2:])


@dataclass(frozen=True, slots=True)
class Steps:
    """Milliseconds of each step for `rows` sentences of TOKENS tokens together."""

    rows: int
    encode: float
    sketch: float
    draft: float
    verify: float
    step: float
    beam_step: float

    def rungs(self, stood: float) -> dict[str, float]:
        """Milliseconds of each way to translate; of a sketch the share `stood` stands at once."""
        sketched = self.encode + self.sketch
        repairs = round((1 - stood) * TOKENS) * self.step
        greedy = self.encode + (TOKENS + 1) * self.step
        return {
            "sketch": sketched,
            "draft": self.encode + self.draft,
            "verified, all stands": sketched + self.verify,
            f"verified, {stood:.0%} stands": sketched + self.verify + repairs,
            # what the engine does: whichever of both is sooner done (workers/core/shortcut.py)
            "verified": min(sketched + self.verify + repairs, greedy),
            "greedy": greedy,
            f"beam {BEAM}": self.encode + (TOKENS + 1) * self.beam_step,
        }


def measure(graphs: Graphs, rows: int, runs: int) -> Steps:
    sources = [[4, *range(20, 20 + TOKENS - 2), 2]] * rows
    memory = graphs.encode(sources)
    beams = memory.rows(np.repeat(np.arange(rows), BEAM))
    return Steps(
        rows,
        timed(lambda: graphs.encode(sources), runs),
        timed(lambda: graphs.sketch(memory), runs),
        timed(lambda: graphs.draft(memory), runs),
        timed(reading(graphs, memory, TOKENS + 1, 0), runs),
        timed(reading(graphs, memory, 1, TOKENS // 2), runs),
        timed(reading(graphs, beams, 1, TOKENS // 2), runs),
    )


def reading(graphs: Graphs, memory: Memory, new: int, past: int) -> Callable[[], object]:
    rows = len(memory.length)
    tokens = np.full((rows, new), BEGIN, np.int64)
    cache = np.zeros((graphs.layers, rows, past, graphs.cache_width), np.float32)
    length = np.full(rows, past, np.int64)
    return lambda: graphs.read(tokens, memory, cache, length)


def prices(one: dict[str, float], eight: dict[str, float], stood: float) -> Prices:
    ways = ("draft", f"verified, {stood:.0%} stands", "greedy", f"beam {BEAM}", "sketch")
    return Prices(*((one[way], eight[way]) for way in ways))


def tested(data: Path, name: str, language: str) -> list[tuple[str, str]]:
    """Sources and references of a test set."""
    path = data / "translation" / f"test.{name}.en-{language}.tsv.xz"
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        return [(source, target) for source, target, *_ in map(_columns, lines)]


def spread(pairs: list[tuple[str, str]], most: int) -> list[tuple[str, str]]:
    """So many of them, evenly: the first of a set are harder than the rest."""
    return pairs[:: max(1, len(pairs) // most)][:most]


def _columns(line: str) -> list[str]:
    return line.rstrip("\n").split("\t")


def quality(model: Drafting, data: Path, most: int) -> dict[str, Any]:
    """BLEU on the Tatoeba tests by rung, and how much of the sketches stood in the first pass."""
    import sacrebleu

    found: dict[str, Any] = {}
    drafted = stood = 0
    for language in model.card.languages:
        pairs = spread(tested(data, "tatoeba", language), most)
        for rung in model.card.rungs:
            said = [
                each
                for at in range(0, len(pairs), 16)
                for each in model.translate(
                    rung, [Sentence(source, "en", language) for source, _ in pairs[at : at + 16]]
                )
            ]
            bleu = sacrebleu.corpus_bleu([each.text for each in said], [[t for _, t in pairs]])
            found[f"bleu_{language}_{rung}"] = round(bleu.score, 2)
            if rung is Rung.VERIFIED:
                drafted += sum(each.drafted for each in said)
                stood += sum(each.accepted for each in said)
    return {**found, "accepted_in_first_pass": round(stood / max(drafted, 1), 4)}


def worths(found: dict[str, float], languages: Sequence[str]) -> dict[Rung, float]:
    """BLEU of each rung beside that of what is verified, or what is assumed."""
    if not found:
        return ASSUMED
    total = {
        rung: sum(found[f"bleu_{language}_{rung}"] for language in languages) for rung in ASSUMED
    }
    return {rung: each / total[Rung.VERIFIED] for rung, each in total.items()}


def hub(folder: Path, runs: int) -> dict[str, Any]:
    """Milliseconds of greedy search, and of verification where so many tokens of a draft stand."""
    from workers.engines.ctranslate import CTranslate
    from workers.engines.seq2seq import load

    models: dict[str, Autoregressive] = {
        "transformers": load(folder, "opus-mt-en-de"),
        "ctranslate2": CTranslate(folder / "ct2", "opus-mt-en-de"),
    }
    sentence = Sentence("the quick brown fox jumps over one lazy sleeping dog", "en", "de")
    found: dict[str, Any] = {}
    for name, model in models.items():
        right = model.verify(sentence, [], [], lambda: None).tokens
        wrong = right[0]
        for stood in (0, len(right) // 2, len(right) - 1, len(right)):
            draft = [*right[:stood], *([wrong] * (len(right) > stood > 0)), *right[stood + 1 :]]
            verify = partial(model.verify, sentence, draft if stood else [], [], lambda: None)
            took = timed(verify, runs)
            found[f"{name}_{stood}_of_{len(right)}"] = round(took, 2)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="", help="a folder; default: the shipped model")
    parser.add_argument("--random", action="store_true", help="its weights say nothing sensible")
    parser.add_argument("--data", type=Path, help="the folder with translation/test.*: for BLEU")
    parser.add_argument("--most", type=int, default=500, help="test sentences a language")
    parser.add_argument("--hub", type=Path, help="a Marian folder, with ct2/ in it")
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    model = open_drafting(options.model)
    graphs = model.graphs
    figures: dict[str, Any] = {"weights": "random" if options.random else "trained"}
    if options.data and not options.random:
        figures["quality"] = quality(model, options.data, options.most)
    stood = figures.get("quality", {}).get("accepted_in_first_pass", STOOD)
    one = measure(graphs, 1, options.runs).rungs(stood)
    eight = measure(graphs, 8, options.runs).rungs(stood)
    figures["ms_one"] = {name: round(took, 2) for name, took in one.items()}
    figures["ms_eight"] = {name: round(took, 2) for name, took in eight.items()}
    for name in one:
        print(row(name, {"ms": round(one[name], 2), "eight": round(eight[name], 2)}))
    by_rung = worths(figures.get("quality", {}), model.card.languages)
    figures["quality_by_rung"] = {str(rung): round(each, 3) for rung, each in by_rung.items()}
    for load in LOADS:
        each = ladder(prices(one, eight, stood), by_rung[Rung.DRAFT], load, options.seeds)
        figures[f"ladder_{load}"] = each
        print(row("ladder", each), flush=True)
    if options.data and not options.random:
        for language in model.card.languages:
            pairs = tested(options.data, "captions", language)
            found = growing(model, spread(pairs, GROWING), language)
            figures[f"growing_{language}"] = found
            print(row(f"growing {language}", found), flush=True)
    if options.hub:
        figures["hub_ms"] = hub(options.hub, options.runs)
    print(last_line("translation", figures))


if __name__ == "__main__":
    main()
