"""The exported graphs, run: what measures and tests need of a server. One thread."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from workers.engines.onnx import open_graph

GRAPHS = ("encoder", "sketcher", "drafter", "decoder")
Array = npt.NDArray[Any]
Ids = list[int]


class Memory(NamedTuple):
    """What the encoder makes of B sources: states [B, S, width], keys and values
    [L, B, S, 2*width], length [B]."""

    states: Array
    keys_values: Array
    length: Array

    def rows(self, index: Array) -> "Memory":
        return Memory(self.states[index], self.keys_values[:, index], self.length[index])


class Sketch(NamedTuple):
    """Best piece of each CTC frame [B, F], blanks past a row's end; the frames [B, F, width]."""

    ids: Array
    frames: Array


class Candidates(NamedTuple):
    """The best pieces of each position and their log-probs [B, T, 8], and the positions' keys and
    values [L, B, T, 2*width]."""

    ids: Array
    scores: Array
    keys_values: Array


class Graphs:
    def __init__(self, folder: Path) -> None:
        self._encoder, self._sketcher, self._drafter, self._decoder = (
            open_graph(folder / f"{name}.onnx") for name in GRAPHS
        )

    def encode(self, sources: list[Ids]) -> Memory:
        tokens, length = pad(sources)
        states, kept = self._encoder.run(None, {"tokens": tokens, "length": length})
        return Memory(states, kept, length)

    def sketch(self, memory: Memory) -> Sketch:
        fed = {"memory": memory.states, "length": memory.length}
        return Sketch(*self._sketcher.run(None, fed))

    def draft(self, memory: Memory) -> Array:
        """Best piece of each CTC frame [B, F]; blanks past a row's end."""
        sketch = self.sketch(memory)
        fed = {"sketch_ids": sketch.ids, "frames": sketch.frames}
        found: Array = self._drafter.run(
            None, {**fed, "memory": memory.states, "length": memory.length}
        )[0]
        return found

    def decode(self, tokens: Array, memory: Memory, past: Array, past_length: Array) -> Candidates:
        fed = {
            "tokens": tokens,
            "memory_keys_values": memory.keys_values,
            "memory_length": memory.length,
            "past_keys_values": past,
            "past_length": past_length,
        }
        return Candidates(*self._decoder.run(None, fed))

    def empty_past(self, memory: Memory) -> tuple[Array, Array]:
        layers, rows, _, double = memory.keys_values.shape
        return np.zeros((layers, rows, 0, double), np.float32), np.zeros(rows, np.int64)


def pad(rows: list[Ids]) -> tuple[Array, Array]:
    length = np.array([len(r) for r in rows], np.int64)
    tokens = np.zeros((len(rows), int(length.max(initial=1))), np.int64)
    for i, row in enumerate(rows):
        tokens[i, : len(row)] = row
    return tokens, length
