"""The exported graphs' quality as sacreBLEU and chrF, and their milliseconds."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from .corpus import as_recognised, read_pairs
from .hypotheses import score
from .options import RUNGS
from .pieces import LANGUAGES, Ids, Pieces
from .search import Verified, beam, draft, greedy, sketch, verify
from .session import Graphs, Memory

Way = Callable[[Graphs, Memory], Ids]


@dataclass
class Tally:
    """What one way of decoding gave: translations and milliseconds each."""

    texts: list[Ids] = field(default_factory=list)
    taken_ms: list[float] = field(default_factory=list)

    def add(self, call: Callable[[], Ids]) -> Ids:
        began = time.perf_counter()
        self.texts.append(call())
        self.taken_ms.append((time.perf_counter() - began) * 1000)
        return self.texts[-1]


def measure_graphs(
    graphs: Graphs, pieces: Pieces, sources: Sequence[str], language: str, rungs: Sequence[str]
) -> tuple[dict[str, Tally], list[Verified]]:
    """Tallies by rung, and how each text was verified if that was among them."""
    verified: list[Verified] = []

    def checked(graphs: Graphs, memory: Memory) -> Ids:
        verified.append(verify(graphs, memory, draft(graphs, memory)))
        return verified[-1].ids

    ways: dict[str, Way] = dict(zip(RUNGS, (sketch, draft, checked, greedy, beam), strict=True))
    tallies = {name: Tally() for name in rungs}
    for text in sources:
        once = [pieces.source(text, language)]
        for name, tally in tallies.items():
            tally.add(partial(_whole, ways[name], graphs, once))
    return tallies, verified


def _whole(way: Way, graphs: Graphs, sources: list[Ids]) -> Ids:
    return way(graphs, graphs.encode(sources))


def report_graphs(
    folder: Path,
    data: Path,
    sets: Iterable[str],
    limit: int,
    bare: bool = False,
    rungs: Sequence[str] = RUNGS,
) -> Iterable[str]:
    """A line for each set, language and rung, and of verified texts the share of the draft's pieces
    that the first pass accepted; `limit` texts of each, evenly spread."""
    graphs, pieces = Graphs(folder), Pieces(folder / "pieces.model")
    for name in sets:
        for language in LANGUAGES:
            pairs = [p for p in read_pairs(data, name) if p.language == language]
            pairs = pairs[:: max(1, len(pairs) // limit)][:limit]
            if not pairs:
                continue
            sources = [as_recognised(p.source) if bare else p.source for p in pairs]
            tallies, verified = measure_graphs(graphs, pieces, sources, language, rungs)
            for rung, tally in tallies.items():
                reached = score(pieces.decode(tally.texts), [p.target for p in pairs])
                yield (
                    f"{name} {language} {rung}: BLEU {reached.bleu:.1f} chrF {reached.chrf:.1f}, "
                    f"{np.median(tally.taken_ms):.1f} ms"
                )
            if verified:
                yield f"{name} {language}: {_passed(verified)}"
    yield from score(["a"], ["a"]).signatures


def _passed(verified: Sequence[Verified]) -> str:
    accepted = sum(v.accepted for v in verified) / max(sum(v.drafted for v in verified), 1)
    passes = sum(v.passes for v in verified) / len(verified)
    return f"{accepted:.0%} accepted, {passes:.1f} passes a text"
