"""Texts as one table of pieces that can lie on a GPU: a step waits for no copy."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from .corpus import LABELS

BLOCK = 50
"""Batches within which texts are sorted by length."""

UNKNOWN = -1
MULTIPLE = 8
"""Lengths are rounded up to it, so that a GPU sees few shapes."""


class Table(NamedTuple):
    """`pieces` [N, longest] int16, 0 where a text is over; `labels` [N, labels] from 0 to 1, nan
    where unknown; `lengths` [N] stay with the processor, which chooses the batches."""

    pieces: Tensor
    labels: Tensor
    lengths: npt.NDArray[np.int64]

    def to(self, device: torch.device) -> "Table":
        return Table(self.pieces.to(device), self.labels.to(device), self.lengths)

    def width(self, part: npt.NDArray[np.int64]) -> int:
        """Of the longest text of `part`, rounded up."""
        return _rounded(int(self.lengths[part].max()))


def take(table: Table, part: npt.NDArray[np.int64]) -> Table:
    place = torch.from_numpy(part).to(table.pieces.device)
    return Table(table.pieces[place], table.labels[place], table.lengths[part])


def table_of(texts: Sequence[npt.NDArray[np.int32]], labels: npt.NDArray[np.float32]) -> Table:
    """`texts` with begin and end."""
    lengths = np.array([len(text) for text in texts], np.int64)
    flat = np.concatenate(texts) if len(texts) else np.zeros(0, np.int32)
    return Table(_rows(flat, lengths), torch.from_numpy(labels), lengths)


def joined_tables(tables: Sequence[Table]) -> Table:
    """One after the other; of the same device."""
    width = max(table.pieces.shape[1] for table in tables)
    wide = [
        torch.nn.functional.pad(table.pieces, (0, width - table.pieces.shape[1]))
        for table in tables
    ]
    labels = torch.cat([table.labels for table in tables])
    return Table(torch.cat(wide), labels, np.concatenate([table.lengths for table in tables]))


def batches(
    table: Table, size: int, generator: np.random.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Pieces [B, T] int64 and labels; in blocks of BLOCK batches texts are sorted by length."""
    order = _order(table.lengths, size, generator)
    places = torch.from_numpy(order).to(table.pieces.device)
    for begin in range(0, len(order), size):
        width = table.width(order[begin : begin + size])
        part = places[begin : begin + size]
        yield table.pieces[part, :width].long(), table.labels[part]


def _order(
    lengths: npt.NDArray[np.int64], size: int, generator: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Whole batches first: one shorter than `size` comes last."""
    shuffled = generator.permutation(len(lengths))
    chosen: list[npt.NDArray[np.int64]] = []
    for begin in range(0, len(shuffled), BLOCK * size):
        block = shuffled[begin : begin + BLOCK * size]
        by_length = block[np.argsort(lengths[block], kind="stable")]
        whole = len(by_length) // size * size
        parts = by_length[:whole].reshape(-1, size)
        chosen += [*parts[generator.permutation(len(parts))], by_length[whole:]]
    return np.concatenate(chosen)


def write_table(path: Path, table: Table) -> None:
    """Compressed: two bytes a piece, a byte a label."""
    rows, labels = table.pieces.numpy(), table.labels.numpy()
    there = np.arange(rows.shape[1]) < table.lengths[:, None]
    np.savez_compressed(
        path,
        pieces=rows[there],
        lengths=table.lengths.astype(np.uint8),
        labels=np.where(np.isnan(labels), UNKNOWN, labels).astype(np.int8),
    )


def read_table(path: Path) -> Table:
    with np.load(path) as stored:
        labels = stored["labels"].astype(np.float32)
        lengths = stored["lengths"].astype(np.int64)
        assert labels.shape == (len(lengths), len(LABELS))
        labels[labels == UNKNOWN] = np.nan
        return Table(_rows(stored["pieces"], lengths), torch.from_numpy(labels), lengths)


def _rows(flat: npt.NDArray[np.integer], lengths: npt.NDArray[np.int64]) -> Tensor:
    """[N, T]: T the longest, rounded up."""
    rows = np.zeros((len(lengths), _rounded(int(lengths.max(initial=1)))), np.int16)
    rows[np.arange(rows.shape[1]) < lengths[:, None]] = flat
    return torch.from_numpy(rows)


def _rounded(length: int) -> int:
    return -(-length // MULTIPLE) * MULTIPLE
