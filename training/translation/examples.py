"""What one epoch can draw from: pairs by reference, cut or whole, each language in its share."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .packed import KINDS, Array, Packed, Pairs, Ragged
from .pieces import LANGUAGES, Pieces

PREFIX = KINDS.index("prefix")
DISTILLED = KINDS.index("distilled")
#: Share of real pairs beside distilled ones of most texts.
FEW_REAL = 0.1


@dataclass(frozen=True)
class Examples:
    """Parallel arrays. `source` is a row of the texts, of which `source_end` pieces are shown;
    `target` a row of the targets, likewise; `weight` how often it comes in an epoch."""

    source: Array
    source_end: Array
    target: Array
    target_end: Array
    language: Array
    kind: Array
    weight: Array

    def __len__(self) -> int:
        return len(self.source)

    def joined(self, other: "Examples") -> "Examples":
        both = zip(vars(self).values(), vars(other).values(), strict=True)
        return Examples(*(np.concatenate(arrays) for arrays in both))

    def chosen(self, index: Array) -> "Examples":
        return Examples(*(array[index] for array in vars(self).values()))


def whole_examples(packed: Packed, pairs: Pairs, balance: float) -> Examples:
    """Every pair whole. A language with n of the largest one's N pairs has weight
    (N/n)^`balance`."""
    counts = np.bincount(pairs.language, minlength=len(LANGUAGES)).clip(1)
    weight = (counts.max() / counts) ** balance
    return Examples(
        pairs.text,
        packed.texts.lengths[pairs.text],
        pairs.target,
        packed.targets.lengths[pairs.target],
        pairs.language,
        pairs.kind,
        weight[pairs.language],
    )


def real_share(packed: Packed) -> float:
    """How much of what a student learns should be real pairs: few where the teacher has said most
    texts in most languages, all of them (1) where it has said less than half."""
    made = int((packed.pairs.kind == DISTILLED).sum())
    asked = len(packed.texts) * len(LANGUAGES)
    return FEW_REAL if 2 * made >= asked else 1.0


def mixed(packed: Packed, real_share: float) -> Packed:
    """Distilled pairs, and of the others so many that they make `real_share` of all; all of them
    where it is 1."""
    is_made = packed.pairs.kind == DISTILLED
    made, real = np.flatnonzero(is_made), np.flatnonzero(~is_made)
    if not len(made):
        raise ValueError("no distilled pair: the teacher has said nothing sound")
    count = len(real)
    if real_share < 1:
        count = min(count, int(len(made) * real_share / (1 - real_share)))
    kept = np.random.default_rng(0).permutation(real)[:count]
    pairs = packed.pairs.chosen(np.concatenate([made, kept]))
    return Packed(packed.texts, packed.bare, packed.targets, pairs)


def word_starts(pieces: Pieces) -> Array:
    """Of each id, whether a word begins with it."""
    return np.array([pieces.starts_word(i) for i in range(pieces.size)])


def prefix_examples(
    whole: Examples, texts: Ragged, targets: Ragged, starts: Array, share: float, seed: int
) -> Examples:
    """Cuts `share` of the examples at a word, source and target at the same part of their
    length, as one hears a sentence that is not over."""
    chance = np.random.default_rng(seed)
    index = np.flatnonzero(chance.random(len(whole)) < share)
    cut = whole.chosen(index)
    source_end, target_end = cut.source_end.copy(), cut.target_end.copy()
    for i, part in enumerate(chance.uniform(0.15, 0.95, len(index))):
        source = starts[texts[cut.source[i]]]
        target = starts[targets[cut.target[i]]]
        source_end[i] = _cut(source, part)
        target_end[i] = _cut(target, source_end[i] / max(len(source), 1))
    kept = (source_end > 0) & (target_end > 0)
    kind = np.full(len(index), PREFIX)
    parts = (cut.source, source_end, cut.target, target_end, cut.language, kind, cut.weight)
    return Examples(*parts).chosen(np.flatnonzero(kept))


def _cut(starts: Array, part: float) -> int:
    """Where to cut a row so that about `part` of it stays: before a word, or at its end."""
    places = np.flatnonzero(starts)
    ends = np.append(places[1:], len(starts))
    return int(ends[np.abs(ends - part * len(starts)).argmin()]) if len(ends) else 0


def bare_rows(
    examples: Examples, texts: Ragged, bare: Ragged, share: float, seed: Sequence[int]
) -> tuple[Array, Array]:
    """Rows and ends of the sources, of which `share` are as a recogniser writes them.

    Rows count through the texts and on through the bare texts; a prefix is cut there at the same
    part of its length.
    """
    chance = np.random.default_rng(seed)
    total = texts.lengths[examples.source]
    bare_total = bare.lengths[examples.source]
    shown = (chance.random(len(examples)) < share) & (bare_total > 0)
    ends = np.where(
        examples.source_end == total,
        bare_total,
        np.maximum(1, np.rint(examples.source_end / total.clip(1) * bare_total)),
    ).astype(np.int64)
    rows = np.where(shown, examples.source + len(texts), examples.source)
    return rows, np.where(shown, ends, examples.source_end)
