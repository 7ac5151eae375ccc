"""What a network says on all test sets, made where training runs, and its BLEU and chrF, made
anywhere."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .corpus import read_pairs
from .decode import decode_all
from .model import Translator
from .packed import Ragged
from .pieces import LANGUAGES, TAGS, Ids, Pieces

#: Set, language, source and reference.
Text = tuple[str, str, str, str]
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
    texts = all_texts(data)
    rows = Ragged.of(pieces.encode([source for _, _, source, _ in texts]))
    for way in ways:
        if way != "draft" or net.drafter is not None:
            _write(net, rows, texts, way, out / f"{way}.npz", places)


def write_cut(net: Translator, pieces: Pieces, data: Path, out: Path, places: int) -> None:
    """`out`/cut.npz: greedy translations of the first half of each text's words."""
    texts = all_texts(data)
    halves = [" ".join(source.split()[: len(source.split()) // 2]) for _, _, source, _ in texts]
    _write(net, Ragged.of(pieces.encode(halves)), texts, "greedy", out / "cut.npz", places)


def _write(
    net: Translator, rows: Ragged, texts: Sequence[Text], way: str, path: Path, places: int
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tags = [TAGS[language] for _, language, _, _ in texts]
    asked = np.stack([np.arange(len(texts)), np.array(tags)], 1)
    began = time.monotonic()
    found = Ragged.of(decode_all(net, rows, asked, way, places))
    took = time.monotonic() - began
    print(f"{path.stem}: {len(texts)} texts in {took:.1f} s", flush=True)
    np.savez_compressed(path, flat=found.flat, lengths=found.lengths.astype(np.int16))


def read_hypotheses(path: Path) -> list[Ids]:
    with np.load(path, allow_pickle=False) as archive:
        found = Ragged(archive["flat"], archive["lengths"].astype(np.int64).cumsum())
    return found.rows()


def stability(folder: Path, data: Path, name: str = "test.tatoeba") -> float:
    """How much of the half texts' translations (cut.npz) begins the whole ones' (greedy.npz)."""
    cut, whole = (read_hypotheses(folder / f"{way}.npz") for way in ("cut", "greedy"))
    index = [i for i, text in enumerate(all_texts(data)) if text[0] == name]
    kept = sum(_shared(cut[i], whole[i]) for i in index)
    return kept / max(sum(len(cut[i]) for i in index), 1)


def _shared(first: Ids, second: Ids) -> int:
    """The length of the beginning they share."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(first), len(second)))


def mean_bleu(path: Path, data: Path, pieces: Pieces, name: str) -> list[float]:
    """BLEU of one test set by languages."""
    texts, spoken = all_texts(data), pieces.decode(read_hypotheses(path))
    reached = []
    for language in LANGUAGES:
        index = [i for i, t in enumerate(texts) if t[:2] == (name, language)]
        if index:
            reached.append(score([spoken[i] for i in index], [texts[i][3] for i in index]).bleu)
    return reached


def all_texts(data: Path) -> list[Text]:
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
        spoken = pieces.decode(read_hypotheses(path))
        reached: dict[str, list[Score]] = {}
        for name, language in groups:
            index = [i for i, t in enumerate(texts) if t[:2] == (name, language)]
            one = score([spoken[i] for i in index], [texts[i][3] for i in index])
            reached.setdefault(name, []).append(one)
            yield f"{path.stem} {name} {language}: BLEU {one.bleu:.1f} chrF {one.chrf:.1f}"
        for name, scores in reached.items():
            yield f"{path.stem} {name} mean: BLEU {np.mean([s.bleu for s in scores]):.2f}"
    yield from score(["a"], ["a"]).signatures
