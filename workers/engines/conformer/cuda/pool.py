"""What all streams remember, on the device: one row a stream, written where it lies."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of the network. `left` is how many frames attention looks back beyond its chunk."""

    width: int
    layers: int
    heads: int
    kernel: int
    left: int
    mels: int = 80
    history: int = 3

    @property
    def head(self) -> int:
        return self.width // self.heads


@dataclass(frozen=True, slots=True)
class Pool:
    """Rows of streams, and one more that nobody owns: it fills runs up.

    mels [rows, history, mels]; taps [layers, rows, kernel-1, width]; keys and values [layers,
    rows, heads, left, head], frame t in slot t % left; position [rows], frames heard so far.
    """

    mels: Tensor
    taps: Tensor
    keys: Tensor
    values: Tensor
    position: Tensor

    @classmethod
    def make(cls, sizes: Sizes, rows: int, dtype: torch.dtype, device: str) -> Pool:
        s, rows = sizes, rows + 1
        ring = (s.layers, rows, s.heads, s.left, s.head)

        def zeros(*shape: int) -> Tensor:
            return torch.zeros(shape, dtype=dtype, device=device)

        return cls(
            zeros(rows, s.history, s.mels),
            zeros(s.layers, rows, s.kernel - 1, s.width),
            zeros(*ring),
            zeros(*ring),
            torch.zeros(rows, dtype=torch.int64, device=device),
        )

    @property
    def spare(self) -> int:
        """The row that nobody owns."""
        return len(self.position) - 1

    @property
    def nbytes(self) -> int:
        return sum(each.nbytes for each in (self.mels, self.taps, self.keys, self.values))

    def clear(self, row: int) -> None:
        """Nothing has been heard. Keys and values stay: a position of 0 hides them."""
        self.mels[row].zero_()
        self.taps[:, row].zero_()
        self.position[row] = 0
