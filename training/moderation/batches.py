"""Examples as arrays, and batches of texts of about the same length."""

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workers.core.reading import Reader
from workers.engines.cascade_pieces import BEGIN, END, PAD, Pieces

from .corpus import Example
from .mixture import Mixture
from .vocabulary import load_vocabulary, make_reader

BLOCK = 50
"""Batches within which texts are sorted by length."""


class Encoded(NamedTuple):
    """Texts as pieces, begin and end included, and what is known of them."""

    pieces: list[npt.NDArray[np.int32]]
    labels: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32]
    readings: list[str]


def encode(examples: Sequence[Example], reader: Reader, pieces: Pieces, longest: int) -> Encoded:
    readings = [reader.read(e.text) for e in examples]
    found = [frame(pieces.encode(reading), longest) for reading in readings]
    labels = np.array([e.labels for e in examples], np.float32)
    return Encoded(found, labels, np.array([e.weight for e in examples], np.float32), readings)


def frame(pieces: Sequence[int], longest: int) -> npt.NDArray[np.int32]:
    return np.array([BEGIN, *pieces[: longest - 2], END], np.int32)


def padded(pieces: Sequence[npt.NDArray[np.int32]], multiple: int = 8) -> npt.NDArray[np.int64]:
    """[B, T], T the longest rounded up to `multiple`."""
    length = -(-max(map(len, pieces)) // multiple) * multiple
    rows = np.full((len(pieces), length), PAD, np.int64)
    for row, text in zip(rows, pieces, strict=True):
        row[: len(text)] = text
    return rows


def batches(
    encoded: Encoded, size: int, generator: np.random.Generator
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Pieces, labels and weights; in blocks of BLOCK batches texts are sorted by length."""
    order = generator.permutation(len(encoded.pieces))
    lengths = np.array([len(p) for p in encoded.pieces])
    chosen: list[npt.NDArray[np.int64]] = []
    for block in np.array_split(order, max(1, len(order) // (BLOCK * size))):
        by_length = block[np.argsort(lengths[block], kind="stable")]
        parts = [by_length[i : i + size] for i in range(0, len(by_length), size)]
        chosen += [parts[i] for i in generator.permutation(len(parts))]
    for part in chosen:
        yield (
            torch.from_numpy(padded([encoded.pieces[i] for i in part])),
            torch.from_numpy(encoded.labels[part]),
            torch.from_numpy(encoded.weights[part]),
        )


class Epochs:
    """Encoded epochs, made ahead of their use by other processes where there are several cores."""

    def __init__(self, mixture: Mixture, vocabulary: Path, longest: int, processes: int) -> None:
        self._work = _Work(mixture, vocabulary, longest)
        self._ahead = processes
        self._futures: dict[int, Future[Encoded]] = {}
        self._pool = None
        if processes:
            context = multiprocessing.get_context("fork")
            self._pool = ProcessPoolExecutor(processes, context)

    def get(self, number: int) -> Encoded:
        if self._pool is None:
            return self._work(number)
        for ahead in range(number, number + self._ahead + 1):
            if ahead not in self._futures:
                self._futures[ahead] = self._pool.submit(self._work, ahead)
        return self._futures.pop(number).result()

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


@dataclass(frozen=True)
class _Work:
    mixture: Mixture
    vocabulary: Path
    longest: int

    def __call__(self, number: int) -> Encoded:
        pieces, _ = load_vocabulary(self.vocabulary)
        return encode(self.mixture.epoch(number), make_reader(pieces), pieces, self.longest)
