"""Translation quality as sacreBLEU and chrF, of the exported graphs or of hypotheses that were
made where training runs."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch

from .corpus import as_recognised, read_pairs
from .decode import decode_all
from .model import Translator
from .packed import Ragged
from .pieces import LANGUAGES, TAGS, Ids, Pieces
from .search import beam, draft, draft_and_verify, greedy, verify
from .session import Graphs, Memory

SETS = ("test.tatoeba", "test.multi30k", "test.captions")
WAYS = ("draft", "greedy", "beam")


@dataclass(frozen=True)
class Score:
    """Corpus scores in per cent and how they were computed."""

    bleu: float
    chrf: float
    signatures: tuple[str, str]


def score(found: Sequence[str], references: Sequence[str]) -> Score:
    # where training runs it is not needed and may be missing
    import sacrebleu

    bleu, chrf = sacrebleu.BLEU(), sacrebleu.CHRF()
    reached = (bleu.corpus_score(found, [references]), chrf.corpus_score(found, [references]))
    signatures = (str(bleu.get_signature()), str(chrf.get_signature()))
    return Score(reached[0].score, reached[1].score, signatures)


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


def write_hypotheses(
    net: Translator, pieces: Pieces, data: Path, out: Path, ways: Iterable[str], places: int
) -> None:
    """Translates all test sets; `out`/WAY.npz holds the pieces, in the order of `all_texts`."""
    out.mkdir(parents=True, exist_ok=True)
    texts = all_texts(data)
    rows = Ragged.of(pieces.encode([source for _, _, source, _ in texts]))
    tags = [TAGS[language] for _, language, _, _ in texts]
    asked = np.stack([np.arange(len(texts)), np.array(tags)], 1)
    for way in ways:
        if way == "draft" and net.drafter is None:
            continue
        began = time.monotonic()
        found = Ragged.of(decode_all(net, rows, asked, way, places))
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        print(f"{way}: {len(texts)} texts in {time.monotonic() - began:.1f} s", flush=True)
        np.savez_compressed(
            out / f"{way}.npz", flat=found.flat, lengths=found.lengths.astype(np.int16)
        )


def all_texts(data: Path) -> list[tuple[str, str, str, str]]:
    """Set, language, source and reference of all that is measured on."""
    return [
        (name, p.language, p.source, p.target)
        for name in ("dev.tatoeba", *SETS)
        for p in read_pairs(data, name)
    ]


def report_hypotheses(folder: Path, data: Path, pieces: Pieces) -> Iterable[str]:
    """A line for each way, set and language, and the mean over languages."""
    texts = all_texts(data)
    groups = sorted({(name, language) for name, language, _, _ in texts})
    for path in sorted(folder.glob("*.npz")):
        with np.load(path, allow_pickle=False) as archive:
            found = Ragged(archive["flat"], archive["lengths"].astype(np.int64).cumsum())
        spoken = pieces.decode(found.rows())
        reached: dict[str, list[Score]] = {}
        for name, language in groups:
            index = [i for i, t in enumerate(texts) if t[:2] == (name, language)]
            one = score([spoken[i] for i in index], [texts[i][3] for i in index])
            reached.setdefault(name, []).append(one)
            yield f"{path.stem} {name} {language}: BLEU {one.bleu:.1f} chrF {one.chrf:.1f}"
        for name, scores in reached.items():
            yield f"{path.stem} {name} mean: BLEU {np.mean([s.bleu for s in scores]):.2f}"
    yield from score(["a"], ["a"]).signatures
