"""Sentences as arrays of piece ids: small enough to travel, ready for a GPU."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .pieces import LANGUAGES, Ids

Array = npt.NDArray[Any]
#: Where pairs come from. Prefixes are cut from whole pairs when training starts.
KINDS = ("tatoeba", "other", "distilled", "prefix")


@dataclass(frozen=True)
class Ragged:
    """Rows of ids, one after another: flat int16, ends int64 (the end of each row in flat)."""

    flat: Array
    ends: Array

    @classmethod
    def of(cls, rows: list[Ids]) -> "Ragged":
        lengths = np.array([len(r) for r in rows], np.int64)
        flat = np.fromiter((i for row in rows for i in row), np.int16, int(lengths.sum()))
        return cls(flat, lengths.cumsum())

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, row: int) -> Array:
        return self.flat[self.starts[row] : self.ends[row]]

    @cached_property
    def starts(self) -> Array:
        return self.ends - self.lengths

    @cached_property
    def lengths(self) -> Array:
        return np.diff(self.ends, prepend=0)

    def rows(self) -> list[Ids]:
        return [part.tolist() for part in np.split(self.flat, self.ends[:-1])] if len(self) else []

    def padded(self, rows: Array) -> Array:
        """Those rows [N, longest], int64, with zeros behind."""
        place = np.arange(self.lengths[rows].max(initial=0))
        at = (self.starts[rows][:, None] + place).clip(max=max(len(self.flat) - 1, 0))
        there = place < self.lengths[rows][:, None]
        return np.where(there, self.flat[at], 0).astype(np.int64)

    def chosen(self, rows: Array) -> "Ragged":
        """Those rows, in that order; -1 is an empty one."""
        lengths = np.where(rows < 0, 0, self.lengths[rows])
        ends = lengths.cumsum()
        at = np.arange(int(lengths.sum())) + (self.starts[rows] - ends + lengths).repeat(lengths)
        return Ragged(self.flat[at], ends)

    def joined(self, other: "Ragged") -> "Ragged":
        """The other's rows follow these."""
        ends = np.concatenate([self.ends, other.ends + len(self.flat)])
        return Ragged(np.concatenate([self.flat, other.flat]), ends)


@dataclass(frozen=True)
class Pairs:
    """Parallel arrays: a row of the texts, a row of the targets, language and kind by number."""

    text: Array
    target: Array
    language: Array
    kind: Array

    def __len__(self) -> int:
        return len(self.text)

    def chosen(self, index: Array) -> "Pairs":
        return Pairs(self.text[index], self.target[index], self.language[index], self.kind[index])

    def joined(self, other: "Pairs") -> "Pairs":
        both = zip(vars(self).values(), vars(other).values(), strict=True)
        return Pairs(*(np.concatenate(arrays) for arrays in both))


@dataclass(frozen=True)
class Packed:
    """English texts, the same as a recogniser writes them (row by row), targets and pairs.

    Texts have neither tag nor end; targets are pieces alone. Texts without a pair are there to
    be translated by the teacher.
    """

    texts: Ragged
    bare: Ragged
    targets: Ragged
    pairs: Pairs

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays = {
            **_flattened("texts", self.texts),
            **_flattened("bare", self.bare),
            **_flattened("targets", self.targets),
            "pair_text": self.pairs.text.astype(np.int32),
            "pair_target": self.pairs.target.astype(np.int32),
            "pair_language": self.pairs.language.astype(np.int8),
            "pair_kind": self.pairs.kind.astype(np.int8),
        }
        np.savez_compressed(path, allow_pickle=False, **arrays)


def _flattened(name: str, rows: Ragged) -> dict[str, Array]:
    return {f"{name}_flat": rows.flat, f"{name}_lengths": rows.lengths.astype(np.int16)}


def load_packed(path: Path) -> Packed:
    with np.load(path, allow_pickle=False) as archive:
        texts, bare, targets = (
            Ragged(archive[f"{name}_flat"], archive[f"{name}_lengths"].astype(np.int64).cumsum())
            for name in ("texts", "bare", "targets")
        )
        names = ("text", "target", "language", "kind")
        pairs = Pairs(*(archive[f"pair_{name}"].astype(np.int64) for name in names))
    return Packed(texts, bare, targets, pairs)


def language_numbers(languages: list[str]) -> Array:
    return np.array([LANGUAGES.index(name) for name in languages], np.int64)
