"""From the data folder to what training reads: pieces, packed pairs, packed held-out pairs."""

import random
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from .corpus import Pair, as_recognised, clean_pairs, known_sources, read_pairs
from .english import choose_english
from .packed import KINDS, Packed, Pairs, Ragged, language_numbers
from .pieces import Pieces, train_pieces

MEASURED = ("dev.tatoeba", "test.tatoeba", "test.multi30k", "test.captions")
LONGEST_PIECES = 116
#: One in so many English sentences is shown to the vocabulary bare.
BARE_SHARE = 5


def prepare(
    data: Path, work: Path, english: int, limit: int | None = None, size: int = 8000
) -> str:
    """Writes `pieces.model`, `train.npz` and `dev.npz`; tells what was kept and dropped.

    `english` sentences without translation go along; `limit` keeps that many pairs only. A
    vocabulary that is there already is kept: what was packed or trained with it stays right.
    """
    pairs, dropped = clean_pairs(read_pairs(data, "train"))
    if limit is not None:
        pairs = random.Random(0).sample(pairs, min(limit, len(pairs)))
    everyday = list(dict.fromkeys(p.source for p in pairs if p.origin == "tatoeba"))
    forbidden = known_sources(data, MEASURED)
    extra = choose_english(data, everyday, forbidden, english) if english else []
    if not (work / "pieces.model").exists():
        train_pieces(vocabulary_lines(pairs, extra), work / "pieces.model", size)
    pieces = Pieces(work / "pieces.model")
    train = pack(pairs, extra, pieces)
    train.save(work / "train.npz")
    dev = pack(read_pairs(data, "dev.tatoeba"), [], pieces)
    dev.save(work / "dev.npz")
    copy_sets(data, work)
    counts = {kind: int((train.pairs.kind == i).sum()) for i, kind in enumerate(KINDS)}
    return (
        f"{len(train.pairs)} pairs {counts}, {len(train.texts)} texts, {len(train.texts.flat)} "
        f"source and {len(train.targets.flat)} target pieces; dropped {dict(dropped)}"
    )


def copy_sets(data: Path, work: Path) -> None:
    """What is measured on goes along to where training runs: the work folder is laid out like
    the data folder."""
    (work / "translation").mkdir(exist_ok=True)
    for part in MEASURED:
        for path in (data / "translation").glob(f"{part}.*"):
            shutil.copyfile(path, work / "translation" / path.name)


def vocabulary_lines(pairs: Sequence[Pair], extra: Sequence[str]) -> Iterator[str]:
    """English once, bare for some; targets all."""
    sources = list(dict.fromkeys(p.source for p in pairs))
    yield from sources
    yield from map(as_recognised, sources[::BARE_SHARE])
    yield from extra[: len(sources) // 4]
    yield from (p.target for p in pairs)


def pack(pairs: Sequence[Pair], extra: Sequence[str], pieces: Pieces) -> Packed:
    """Pairs and texts with more than `LONGEST_PIECES` pieces are left out."""
    sources = list(dict.fromkeys([*(p.source for p in pairs), *extra]))
    encoded = pieces.encode(sources)
    fits = [i for i, ids in enumerate(encoded) if 0 < len(ids) <= LONGEST_PIECES]
    number = {sources[i]: row for row, i in enumerate(fits)}
    bare = pieces.encode([as_recognised(sources[i]) for i in fits])
    targets = pieces.encode([p.target for p in pairs])
    kept = [
        i
        for i, p in enumerate(pairs)
        if p.source in number and 0 < len(targets[i]) <= LONGEST_PIECES
    ]
    chosen = [pairs[i] for i in kept]
    return Packed(
        Ragged.of([encoded[i] for i in fits]),
        Ragged.of(bare),
        Ragged.of([targets[i] for i in kept]),
        Pairs(
            np.array([number[p.source] for p in chosen], np.int64),
            np.arange(len(chosen)),
            language_numbers([p.language for p in chosen]),
            np.array([0 if "tatoeba" in p.origin else 1 for p in chosen], np.int64),
        ),
    )
