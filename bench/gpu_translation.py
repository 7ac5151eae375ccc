"""What translation costs on a GPU: the latency of one sentence drafted and decoded greedily, with
CUDA graphs in bfloat16; sentences a second in time; energy and money a token.

    python3 -m bench.gpu_translation --checkpoint .work/translation/student --work .work/translation

Load is text to text: SentencePiece there and back is within it. Sentences come at random (Poisson)
and are real, of `test.tatoeba` in the work folder. Without a checkpoint weights are random, and
only times mean something; `greedy` then takes 21 steps a sentence.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from bench.figures import last_line, quantile, row
from bench.power import joule_counter
from training.translation.hypotheses import all_texts
from training.translation.model import Translator
from training.translation.pieces import LANGUAGES, Ids, Pieces
from training.translation.replay import Drafting, Greedy
from training.translation.shape import Shape
from training.translation.steps import load_translator

TOKENS = 20
DEADLINE_S = 0.1
SIZES = (10, 14, 18, 26, 42, 74)
MOST_AT_ONCE = 4096
IN_TIME = 0.99
Joules = Callable[[], float] | None


class Pool:
    """Drafts for any number of sentences: sorted into fixed shapes, captured beforehand."""

    def __init__(self, net: Translator, rows: Sequence[int]) -> None:
        self._ready = {(r, s): Drafting(net, r, s) for s in reversed(SIZES) for r in rows}
        self._rows = sorted(rows)

    def translate(self, sources: Sequence[Ids]) -> list[Ids]:
        found: list[Ids] = [[]] * len(sources)
        need = np.searchsorted(SIZES, [len(ids) for ids in sources])
        for number, size in enumerate(SIZES):
            index = np.flatnonzero(need == number)
            for at in range(0, len(index), self._rows[-1]):
                part = index[at : at + self._rows[-1]]
                rows = next(r for r in self._rows if r >= len(part))
                said = self._ready[rows, size]([sources[i] for i in part])
                for i, ids in zip(part, said, strict=True):
                    found[i] = ids
        return found


def read_texts(work: Path, pieces: Pieces) -> list[tuple[str, str]]:
    """Language and text of what fits the shapes, in random order."""
    texts = [(t[1], t[2]) for t in all_texts(work) if t[0] == "test.tatoeba"]
    lengths = [len(ids) + 2 for ids in pieces.encode([text for _, text in texts])]
    fits = [text for text, n in zip(texts, lengths, strict=True) if n <= SIZES[-1]]
    return [fits[i] for i in np.random.default_rng(0).permutation(len(fits))]


def latency(net: Translator, sources: Sequence[Ids], trained: bool, runs: int) -> dict[str, Any]:
    """Milliseconds of one sentence of 20 pieces at a time, ids to ids."""
    draft, greedy = Drafting(net, 1, TOKENS + 2), Greedy(net, 1, TOKENS + 2, 44)
    steps = None if trained else TOKENS + 1
    taken: dict[str, list[float]] = {"draft": [], "greedy": []}
    said = 0
    for run in range(runs + 5):
        source = [sources[run % len(sources)]]
        for name, call in (("draft", draft), ("greedy", lambda s: greedy(s, steps))):
            began = time.perf_counter()
            found = call(source)
            if run >= 5:
                taken[name].append((time.perf_counter() - began) * 1000)
                said += len(found[0]) if name == "greedy" else 0
    ms = {name: round(median(each), 3) for name, each in taken.items()}
    return {
        **{f"{name}_ms": took for name, took in ms.items()},
        **{f"{name}_p99_ms": round(quantile(each, 0.99), 3) for name, each in taken.items()},
        "greedy_pieces": round(said / runs, 1),
        "draft_times_faster": round(ms["greedy"] / ms["draft"], 2),
    }


def offered(
    pool: Pool, pieces: Pieces, texts: Sequence[tuple[str, str]], rate: float, seconds: float
) -> dict[str, float]:
    """Sentences come at `rate`; whatever waits is translated together."""
    chance = np.random.default_rng(1)
    arrivals = np.cumsum(chance.exponential(1 / rate, int(rate * seconds)))
    late, tokens, done = [], 0, 0
    began = time.perf_counter()
    while done < len(arrivals):
        now = time.perf_counter() - began
        due = int(np.searchsorted(arrivals, now))
        if due == done:
            continue
        due = min(due, done + MOST_AT_ONCE)
        batch = [texts[i % len(texts)] for i in range(done, due)]
        tokens += sum(len(ids) for ids in text_to_text(pool, pieces, batch))
        over = time.perf_counter() - began
        late.extend((over - arrivals[done:due]).tolist())
        done = due
        if over > 3 * seconds:
            break
    wall = time.perf_counter() - began
    in_time = sum(each <= DEADLINE_S for each in late)
    return {
        "offered": rate,
        "in_time": round(in_time / len(arrivals), 4),
        "in_time_per_s": round(in_time / wall),
        "p50_ms": round(quantile(late, 0.5) * 1000, 1),
        "p99_ms": round(quantile(late, 0.99) * 1000, 1),
        "tokens_per_s": round(tokens / wall),
    }


def text_to_text(pool: Pool, pieces: Pieces, batch: Sequence[tuple[str, str]]) -> list[Ids]:
    tags = {language: pieces.source("", language) for language in LANGUAGES}
    encoded = pieces.encode([text for _, text in batch])
    sources = [
        [tags[language][0], *ids, tags[language][-1]]
        for (language, _), ids in zip(batch, encoded, strict=True)
    ]
    found = pool.translate(sources)
    pieces.decode(found)
    return found


def saturated(
    translate: Callable[[int], list[Ids]], joules: Joules, seconds: float, price_per_hour: float
) -> dict[str, float | None]:
    """One full batch after the other: tokens and sentences a second, joules and money a token."""
    translate(0)
    began, used = time.perf_counter(), joules() if joules else 0.0
    tokens = sentences = turn = 0
    while time.perf_counter() - began < seconds:
        turn += 1
        found = translate(turn)
        tokens, sentences = tokens + sum(map(len, found)), sentences + len(found)
    wall = time.perf_counter() - began
    used = joules() - used if joules else 0.0
    return {
        "sentences_per_s": round(sentences / wall),
        "tokens_per_s": round(tokens / wall),
        "watts": round(used / wall, 1) if joules else None,
        "joules_per_token": round(used / max(tokens, 1), 6) if joules else None,
        "cost_per_1000_tokens": round(price_per_hour / 3600 * wall / max(tokens, 1) * 1000, 9),
    }


@contextmanager
def told(figures: dict[str, Any], name: str) -> Iterator[None]:
    """A figure that fails leaves the others standing."""
    began = time.perf_counter()
    try:
        yield
        print(row(name, {"figures": figures.get(name), "s": round(time.perf_counter() - began, 1)}))
    except Exception as error:  # whatever a driver or a compiler says
        figures[f"{name}_failed"] = f"{type(error).__name__}: {str(error)[:200]}"
        print(row(name, {"failed": figures[f"{name}_failed"]}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--work", type=Path, default=Path(".work/translation"))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each load")
    parser.add_argument("--rows", default="64,256,1024", help="of the captured batches")
    parser.add_argument("--rates", default="5000,10000,20000,40000,80000")
    parser.add_argument("--price-per-hour", type=float, default=3.0)
    options = parser.parse_args()
    device = torch.device(options.device)
    cuda = device.type == "cuda"
    net = load_translator(options.checkpoint) if options.checkpoint else Translator(Shape()).eval()
    net = net.to(device, torch.bfloat16 if cuda else torch.float32)
    pieces = Pieces(options.work / "pieces.model")
    texts = read_texts(options.work, pieces)
    figures: dict[str, Any] = {
        "weights": "trained" if options.checkpoint else "random",
        "gpu": torch.cuda.get_device_name() if cuda else "none",
        "price_per_hour": options.price_per_hour,
    }
    sources = [pieces.source(text, language) for language, text in texts[:20000]]
    joules = joule_counter()
    with told(figures, "one"):
        twenty = [ids for ids in sources if len(ids) == TOKENS + 2]
        figures["one"] = latency(net, twenty, bool(options.checkpoint), options.runs)
    pool: Pool | None = None
    with told(figures, "captured"):
        rows = [int(each) for each in options.rows.split(",")]
        pool = Pool(net, rows)
        figures["captured"] = len(SIZES) * len(rows)
    if pool is not None:
        _loads(figures, pool, pieces, texts, joules, options)
    with told(figures, "greedy_saturated"):
        figures["greedy_saturated"] = _greedy(net, sources, joules, options)
    print(last_line("gpu_translation", figures))


def _loads(
    figures: dict[str, Any],
    pool: Pool,
    pieces: Pieces,
    texts: Sequence[tuple[str, str]],
    joules: Joules,
    options: argparse.Namespace,
) -> None:
    figures["loads"] = []
    for rate in map(float, options.rates.split(",")):
        with told(figures, f"at_{rate:.0f}"):
            figures["loads"].append(offered(pool, pieces, texts, rate, options.seconds))
            print(row("", figures["loads"][-1]), flush=True)
    kept = [load["offered"] for load in figures["loads"] if load["in_time"] >= IN_TIME]
    figures["sentences_per_s_in_time"] = max(kept, default=0)

    def text_batch(turn: int) -> list[Ids]:
        at = turn * MOST_AT_ONCE % max(len(texts) - MOST_AT_ONCE, 1)
        return text_to_text(pool, pieces, texts[at : at + MOST_AT_ONCE])

    with told(figures, "draft_saturated"):
        figures["draft_saturated"] = saturated(
            text_batch, joules, 2 * options.seconds, options.price_per_hour
        )


def _greedy(
    net: Translator, sources: Sequence[Ids], joules: Joules, options: argparse.Namespace
) -> dict[str, float | None]:
    """Ids to ids, sentences of like length together: what suits it best."""
    size = SIZES[1]
    fitting = [ids for ids in sources if SIZES[0] < len(ids) <= size]
    most = int(options.rows.split(",")[-1])
    greedy = Greedy(net, most, size, 32)
    steps = None if options.checkpoint else size

    def batch(turn: int) -> list[Ids]:
        at = turn * most % max(len(fitting) - most, 1)
        return greedy(fitting[at : at + most], steps)

    return saturated(batch, joules, options.seconds, options.price_per_hour)


if __name__ == "__main__":
    main()
