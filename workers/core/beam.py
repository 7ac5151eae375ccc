"""Beam search over a decoder that names the best few tokens of each place.

An ended hypothesis is ranked by its log-probability divided by a power of its length (Wu et al.
2016 with their alpha 1 is close to this); the search ends once as many have ended as the beam is
wide.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workers.core.speculative import Best


class Beam:
    """`feed` says what each living hypothesis reads next, `take` is told what may follow."""

    def __init__(
        self, *, start: int, end: int, limit: int, width: int = 4, power: float = 1.0
    ) -> None:
        self.done = limit <= 0
        self._end = end
        self._limit = limit
        self._width = width
        self._power = power
        self._alive: list[tuple[float, list[int]]] = [(0.0, [start])]
        self._ended: list[tuple[float, list[int]]] = []

    def feed(self) -> list[int]:
        """The last token of each living hypothesis."""
        return [tokens[-1] for _, tokens in self._alive]

    def take(self, best: Best) -> NDArray[np.int64]:
        """`best` [hypotheses, k]; returns for each hypothesis that lives on whose child it is."""
        ranked = self._ranked(best)[: 2 * self._width]
        for score, parent, token in ranked[: self._width]:
            if token == self._end:
                self._keep(score, self._alive[parent][1][1:])
        living = [each for each in ranked if each[2] != self._end][: self._width]
        self._alive = [(score, [*self._alive[parent][1], token]) for score, parent, token in living]
        full = not living or len(self._alive[0][1]) > self._limit
        self.done = len(self._ended) >= self._width or full
        return np.array([parent for _, parent, _ in living], np.int64)

    def best(self) -> list[int]:
        """The best that has ended; where none has, the best that there is."""
        if self._ended:
            return max(self._ended)[1]
        return self._alive[0][1][1:] if self._alive else []

    def _keep(self, score: float, tokens: list[int]) -> None:
        self._ended.append((score / (len(tokens) + 1) ** self._power, tokens))

    def _ranked(self, best: Best) -> list[tuple[float, int, int]]:
        """Score, parent and token of all that could come next, best first."""
        before = np.array([[score] for score, _ in self._alive])
        scores = (best.scores + before).ravel()
        order = np.argsort(-scores, kind="stable")
        parents, places = np.divmod(order, best.scores.shape[1])
        tokens = best.tokens[parents, places]
        return list(zip(scores[order].tolist(), parents.tolist(), tokens.tolist(), strict=True))
