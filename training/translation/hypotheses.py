"""What a network says on all test sets, made where training runs, and its BLEU and chrF, made
anywhere."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from .corpus import read_pairs
from .decode import decode_all
from .model import Translator
from .packed import Array, Ragged
from .pieces import LANGUAGES, TAGS, Ids, Pieces

#: Set, language, source and reference.
Text = tuple[str, str, str, str]
#: Translations of texts by row and tag [N, 2].
Answer = Callable[[Ragged, Array], list[Ids]]
OWN = ("draft", "greedy", "beam")
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


def own_ways(net: Translator, names: Iterable[str], places: int) -> dict[str, Answer]:
    """Ways of decoding by their names: draft, greedy, beam."""
    return {
        name: partial(decode_all, net, how=name, places=places)
        for name in names
        if name != "draft" or net.drafter is not None
    }


def write_hypotheses(
    ways: Mapping[str, Answer], pieces: Pieces, data: Path, out: Path, half: bool = False
) -> None:
    """Translates all test sets, or the first half of each text's words; `out`/WAY.npz holds the
    pieces, in the order of `all_texts`."""
    texts = all_texts(data)
    sources = [_half(source) if half else source for _, _, source, _ in texts]
    rows = Ragged.of(pieces.encode(sources))
    tags = [TAGS[language] for _, language, _, _ in texts]
    asked = np.stack([np.arange(len(texts)), np.array(tags)], 1)
    out.mkdir(parents=True, exist_ok=True)
    for name, answer in ways.items():
        began = time.monotonic()
        found = Ragged.of(answer(rows, asked))
        print(f"{name}: {len(texts)} texts in {time.monotonic() - began:.1f} s", flush=True)
        np.savez_compressed(
            out / f"{name}.npz", flat=found.flat, lengths=found.lengths.astype(np.int16)
        )


def _half(text: str) -> str:
    words = text.split()
    return " ".join(words[: len(words) // 2])


def read_hypotheses(path: Path) -> list[Ids]:
    with np.load(path, allow_pickle=False) as archive:
        found = Ragged(archive["flat"], archive["lengths"].astype(np.int64).cumsum())
    return found.rows()


def stability(folder: Path, way: str, data: Path, name: str) -> float:
    """How much of the half texts' translations (cut-WAY.npz) begins the whole ones' (WAY.npz)."""
    return _begins(folder / f"cut-{way}.npz", folder / f"{way}.npz", data, name)


def accepted(folder: Path, data: Path, name: str) -> float:
    """How much of the drafts a strict decoder accepts in one pass: as far as it says the same."""
    return _begins(folder / "draft.npz", folder / "greedy.npz", data, name)


def _begins(parts: Path, wholes: Path, data: Path, name: str) -> float:
    """The share of the first's pieces that begin the second's."""
    part, whole = read_hypotheses(parts), read_hypotheses(wholes)
    index = [i for i, text in enumerate(all_texts(data)) if text[0] == name]
    kept = sum(_shared(part[i], whole[i]) for i in index)
    return kept / max(sum(len(part[i]) for i in index), 1)


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
