"""Examples as pieces and labels."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from workers.core.reading import Reader
from workers.engines.cascade_pieces import BEGIN, END, PAD, Pieces

from .corpus import Example


class Encoded(NamedTuple):
    """Texts as pieces, begin and end included, and what is known of them."""

    pieces: list[npt.NDArray[np.int32]]
    labels: npt.NDArray[np.float32]
    readings: list[str]


def encode(examples: Sequence[Example], reader: Reader, pieces: Pieces, longest: int) -> Encoded:
    readings = [reader.read(e.text) for e in examples]
    found = [frame(pieces.encode(reading), longest) for reading in readings]
    return Encoded(found, np.array([e.labels for e in examples], np.float32), readings)


def frame(pieces: Sequence[int], longest: int) -> npt.NDArray[np.int32]:
    return np.array([BEGIN, *pieces[: longest - 2], END], np.int32)


def padded(pieces: Sequence[npt.NDArray[np.int32]], multiple: int = 8) -> npt.NDArray[np.int64]:
    """[B, T], T the longest rounded up to `multiple`."""
    length = -(-max(map(len, pieces)) // multiple) * multiple
    rows = np.full((len(pieces), length), PAD, np.int64)
    for row, text in zip(rows, pieces, strict=True):
        row[: len(text)] = text
    return rows
