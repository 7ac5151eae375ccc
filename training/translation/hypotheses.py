"""What a network says on all test sets, made where training runs, and its BLEU and chrF, made
anywhere."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from .corpus import read_pairs
from .decode import decode_all
from .model import Translator
from .packed import Ragged
from .pieces import TAGS, Pieces

SETS = ("test.tatoeba", "test.multi30k", "test.captions")


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
