"""The exported graphs' quality as sacreBLEU and chrF, and their milliseconds."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from .corpus import as_recognised, read_pairs
from .hypotheses import score
from .pieces import LANGUAGES, Ids, Pieces
from .search import beam, draft, draft_and_verify, greedy, verify
from .session import Graphs, Memory


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
    graphs: Graphs, pieces: Pieces, sources: Sequence[str], language: str
) -> tuple[dict[str, Tally], float, float]:
    """Tallies by rung, the share of draft pieces accepted in the first pass, passes a text."""
    tallies = {name: Tally() for name in ("draft", "verified", "greedy", "beam")}
    drafted = accepted = passes = 0
    for text in sources:
        sources_once = [pieces.source(text, language)]
        memory = graphs.encode(sources_once)
        first = tallies["draft"].add(partial(_whole, draft, graphs, sources_once))
        done = verify(graphs, memory, first)
        drafted += done.drafted
        accepted += done.accepted
        passes += done.passes
        tallies["verified"].add(partial(_whole, draft_and_verify, graphs, sources_once))
        tallies["greedy"].add(partial(_whole, greedy, graphs, sources_once))
        tallies["beam"].add(partial(_whole, beam, graphs, sources_once))
    return tallies, accepted / max(drafted, 1), passes / max(len(sources), 1)


def _whole(way: Callable[[Graphs, Memory], Ids], graphs: Graphs, sources: list[Ids]) -> Ids:
    return way(graphs, graphs.encode(sources))


def report_graphs(
    folder: Path, data: Path, sets: Iterable[str], limit: int, bare: bool = False
) -> Iterable[str]:
    """A line for each set, language and rung; `limit` texts of each, evenly spread."""
    graphs, pieces = Graphs(folder), Pieces(folder / "pieces.model")
    for name in sets:
        for language in LANGUAGES:
            pairs = [p for p in read_pairs(data, name) if p.language == language]
            pairs = pairs[:: max(1, len(pairs) // limit)][:limit]
            if not pairs:
                continue
            sources = [as_recognised(p.source) if bare else p.source for p in pairs]
            tallies, accepted, passes = measure_graphs(graphs, pieces, sources, language)
            for rung, tally in tallies.items():
                reached = score(pieces.decode(tally.texts), [p.target for p in pairs])
                yield (
                    f"{name} {language} {rung}: BLEU {reached.bleu:.1f} chrF {reached.chrf:.1f}, "
                    f"{np.median(tally.taken_ms):.1f} ms"
                )
            yield f"{name} {language}: {accepted:.0%} accepted, {passes:.1f} passes a text"
    yield from score(["a"], ["a"]).signatures
