"""The model's graphs on ONNX Runtime (contract: training/translation/README.md).

A text's numbers are the same whoever shares its batch: padding is masked, and activations are
quantised by rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import sentencepiece
from numpy.typing import NDArray

from stream.core.errors import EngineMissing
from workers.core.speculative import Best
from workers.engines.onnx import Graph, open_graph

BLANK, BEGIN, END = 0, 1, 2
FILES = (
    "encoder.onnx",
    "sketcher.onnx",
    "drafter.onnx",
    "decoder.onnx",
    "weights.bin",
    "pieces.model",
)
_UNSPEAKABLE = dict.fromkeys([*range(32), *range(127, 160), 0xFFFD])
Floats = NDArray[np.float32]
Ids = NDArray[np.int64]


class Memory(NamedTuple):
    """Of B sources: states [B, S, d], keys and values [L, B, S, 2d], lengths [B]."""

    states: Floats
    keys_values: Floats
    length: Ids

    def rows(self, index: Sequence[int] | Ids) -> Memory:
        chosen = np.asarray(index, np.int64)
        return Memory(self.states[chosen], self.keys_values[:, chosen], self.length[chosen])


class Graphs:
    """Raises EngineMissing for a folder that lacks a file."""

    def __init__(self, folder: Path) -> None:
        missing = [name for name in FILES if not (folder / name).is_file()]
        if missing:
            raise EngineMissing(
                f"{folder} lacks {', '.join(missing)}, expected a translation model"
            )
        self._encoder = open_graph(folder / "encoder.onnx")
        self._sketcher = open_graph(folder / "sketcher.onnx")
        self._drafter = open_graph(folder / "drafter.onnx")
        self._decoder = open_graph(folder / "decoder.onnx")
        layers, _, _, self.cache_width = _shape(self._decoder, "past_keys_values")
        self.layers: int = layers

    def encode(self, sources: Sequence[Sequence[int]]) -> Memory:
        tokens, length = padded(sources)
        states, keys_values = self._encoder.run(None, {"tokens": tokens, "length": length})
        return Memory(states, keys_values, length)

    def sketch(self, memory: Memory) -> list[list[int]]:
        """Greedy CTC behind half of the head's layers: the best piece of each frame, repeats
        joined, blanks dropped.
        """
        return _collapsed(self._sketched(memory)["sketch_ids"])

    def draft(self, memory: Memory) -> list[list[int]]:
        """Greedy CTC of the whole head, which is told its sketch half way."""
        fed = {"memory": memory.states, "length": memory.length, **self._sketched(memory)}
        return _collapsed(self._drafter.run(None, fed)[0])

    def _sketched(self, memory: Memory) -> dict[str, NDArray[Any]]:
        fed = {"memory": memory.states, "length": memory.length}
        return dict(zip(("sketch_ids", "frames"), self._sketcher.run(None, fed), strict=True))

    def read(self, tokens: Ids, memory: Memory, past: Floats, length: Ids) -> tuple[Best, Floats]:
        """Tokens [B, T] behind what is kept; the best that may follow each [B, T, k], and the new
        keys and values [L, B, T, 2d].
        """
        ids, scores, keys_values = self._decoder.run(
            None,
            {
                "tokens": tokens,
                "memory_keys_values": memory.keys_values,
                "memory_length": memory.length,
                "past_keys_values": past,
                "past_length": length,
            },
        )
        return Best(ids, scores), keys_values


class Vocabulary:
    """Text to ids and back; a source is [tag, pieces …, end]."""

    def __init__(self, path: Path) -> None:
        self._model = sentencepiece.SentencePieceProcessor(model_file=str(path))
        self._size: int = self._model.get_piece_size()
        self._first = self._model.piece_to_id("<0x00>")
        tags = range(END + 2, self._first)
        names = [self._model.id_to_piece(tag) for tag in tags]
        self.tags = {
            name[2:-1]: tag
            for name, tag in zip(names, tags, strict=True)
            if name.startswith("<2") and name.endswith(">")
        }

    def source(self, text: str, language: str, limit: int) -> list[int]:
        return [self.tags[language], *self.pieces(text)[:limit], END]

    def pieces(self, text: str) -> list[int]:
        found: list[int] = self._model.encode(text)
        return found

    def text(self, ids: Sequence[int]) -> str:
        """Ids that stand for no text are left out, and so are control characters and bytes that
        make no letter.
        """
        text: str = self._model.decode([each for each in ids if self._first <= each < self._size])
        return text.translate(_UNSPEAKABLE)


def _collapsed(rows: Ids) -> list[list[int]]:
    return [collapse(row) for row in rows]


def collapse(frames: Ids) -> list[int]:
    """CTC's frames to pieces."""
    new = np.append(True, frames[1:] != frames[:-1]) & (frames != BLANK)
    found: list[int] = frames[new].tolist()
    return found


def padded(rows: Sequence[Sequence[int]]) -> tuple[Ids, Ids]:
    """[rows, longest] with zeros on the right, and the lengths."""
    length = np.array([len(row) for row in rows], np.int64)
    tokens = np.zeros((len(rows), int(length.max(initial=1))), np.int64)
    for place, row in enumerate(rows):
        tokens[place, : len(row)] = row
    return tokens, length


def _shape(session: Graph, name: str) -> list[int]:
    shapes: dict[str, list[int]] = {each.name: each.shape for each in session.get_inputs()}
    return shapes[name]
