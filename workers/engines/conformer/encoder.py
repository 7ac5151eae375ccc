"""Mels to log-probs, chunk by chunk: the step graph on ONNX Runtime (workers/models/captions).

One run for all streams that have a chunk of one length. A stream's numbers are the same whoever
shares its run: activations are quantised by rows, and sums are in whole numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from workers.engines.conformer.features import Floats
from workers.engines.onnx import open_graph

OUTPUTS = ["phones", "characters", "mel_cache_after", "convolution_after", "keys", "values"]
MOST_ROWS = 16
"""Streams in one run: more gain nothing, and hold the others up."""


class Scores(NamedTuple):
    """Log-probs [n, classes] of both heads."""

    phones: Floats
    characters: Floats


@dataclass(slots=True)
class EncoderState:
    """What a stream remembers.

    `rings` [2*layers, heads, left, width of a head] holds each layer's keys and its values of the
    last `left` frames, frame t in slot t % left; `position` is how many frames have been heard.
    """

    mels: Floats
    taps: Floats
    rings: Floats
    position: int = 0

    def copy(self) -> EncoderState:
        """One that can go another way."""
        return replace(self, rings=self.rings.copy())


class Encoder:
    """Writes into the states that it is given."""

    def __init__(self, graph: Path) -> None:
        self._session = open_graph(graph)
        shapes = {each.name: each.shape for each in self._session.get_inputs()}
        self._ring_names = [name for name in shapes if name.startswith(("keys_", "values_"))]
        heads, left, width = shapes[self._ring_names[0]][1:]
        self._mels: tuple[int, ...] = tuple(shapes["mel_cache"][1:])
        layers, _, *taps = shapes["convolution"]
        self._taps: tuple[int, ...] = (layers, *taps)
        self._shared = np.empty((2 * layers, MOST_ROWS, heads, left, width), np.float32)

    def begin(self) -> EncoderState:
        """That nothing has been heard."""
        rings = np.zeros_like(self._shared[:, 0])
        return EncoderState(
            np.zeros(self._mels, np.float32), np.zeros(self._taps, np.float32), rings
        )

    def step(self, states: Sequence[EncoderState], mels: Sequence[Floats]) -> list[Scores]:
        """Scores of a chunk of 4n mels of each stream; chunks may differ in length."""
        found: list[Scores | None] = [None] * len(states)
        by_length: dict[int, list[int]] = {}
        for place, chunk in enumerate(mels):
            by_length.setdefault(len(chunk), []).append(place)
        for places in by_length.values():
            for begin in range(0, len(places), MOST_ROWS):
                rows = places[begin : begin + MOST_ROWS]
                heads = self._run([states[r] for r in rows], [mels[r] for r in rows])
                for row, *scores in zip(rows, *heads, strict=True):
                    found[row] = Scores(*scores)
        return [scores for scores in found if scores is not None]

    def _run(self, states: list[EncoderState], mels: list[Floats]) -> Scores:
        feed: dict[str, NDArray[np.generic]] = {
            "mels": np.stack(mels),
            "mel_cache": np.stack([state.mels for state in states]),
            "convolution": np.stack([state.taps for state in states], 1),
            "position": np.array([state.position for state in states], np.int64),
            **dict(zip(self._ring_names, self._rings(states), strict=True)),
        }
        phones, characters, history, taps, keys, values = self._session.run(OUTPUTS, feed)
        for row, state in enumerate(states):
            state.mels = history[row].copy()
            state.taps = taps[:, row].copy()
            _keep(state, keys[:, row], values[:, row])
        return Scores(phones, characters)

    def _rings(self, states: list[EncoderState]) -> list[Floats]:
        """Each layer's keys and values of all streams: of one stream as they lie, else copied."""
        if len(states) == 1:
            return list(states[0].rings[:, np.newaxis])
        for row, state in enumerate(states):
            self._shared[:, row] = state.rings
        return [ring[: len(states)] for ring in self._shared]


def _keep(state: EncoderState, keys: Floats, values: Floats) -> None:
    """New keys and values [layers, heads, n, width of a head] go into the ring's next slots."""
    frames, left = keys.shape[2], state.rings.shape[2]
    first = max(0, frames - left)
    slots = (state.position + np.arange(first, frames)) % left
    state.rings[0::2, :, slots] = keys[:, :, first:]
    state.rings[1::2, :, slots] = values[:, :, first:]
    state.position += frames
