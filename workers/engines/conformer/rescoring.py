"""A final's likeliest texts, judged again by a small neural language model.

The texts share most of their beginnings, so they are one tree of word pieces, and one run of the
graph scores it: each piece looks at its own ancestors only (tree attention, as in SpecInfer).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path as FilePath

import numpy as np
import sentencepiece
from numpy.typing import NDArray

from workers.engines.conformer.features import Floats
from workers.engines.conformer.model import Model, Rescoring
from workers.engines.conformer.words import Candidate, Path
from workers.engines.onnx import open_graph

Ids = NDArray[np.int64]

MARK = 0
"""Stands before and behind every text."""

MOST_PIECES = 95
"""Of a text, as in training; where one is longer the beam's order stands."""

MOST_BEFORE = 20
"""Words before a text that are read with it."""

KEPT = 1.0
"""What a word is worth that stands already, in nats."""

MOST_NODES = 512
"""Of a tree: texts that no longer fit are not candidates. It bounds the time of a run."""


@dataclass(slots=True)
class PieceTree:
    """Texts as paths from one root, the MARK before them.

    `ids`, `parents` and `places` [nodes] tell of each node its piece, the node before it and how
    far it is from the root. `texts` are the nodes of each text, root first.
    """

    ids: list[int] = field(default_factory=lambda: [MARK])
    parents: list[int] = field(default_factory=lambda: [0])
    places: list[int] = field(default_factory=lambda: [0])
    texts: list[list[int]] = field(default_factory=list)
    _known: dict[tuple[int, int], int] = field(default_factory=dict)

    def add(self, pieces: Sequence[int]) -> None:
        here, nodes = 0, [0]
        for piece in pieces:
            here = self._child(here, piece)
            nodes.append(here)
        self.texts.append(nodes)

    def _child(self, parent: int, piece: int) -> int:
        node = self._known.setdefault((parent, piece), len(self.ids))
        if node == len(self.ids):
            self.ids.append(piece)
            self.parents.append(parent)
            self.places.append(self.places[parent] + 1)
        return node

    def seen(self) -> NDArray[np.bool_]:
        """Which nodes each node may look at [nodes, nodes]: itself and its ancestors."""
        seen = np.eye(len(self.ids), dtype=bool)
        for node, parent in enumerate(self.parents[1:], 1):
            seen[node] |= seen[parent]
        return seen


class NeuralLanguageModel:
    """Log-probs of texts, in nats, their ends counted."""

    def __init__(self, graph: FilePath, pieces: FilePath) -> None:
        self._session = open_graph(graph)
        self._pieces = sentencepiece.SentencePieceProcessor(model_file=str(pieces))

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        encoded: list[list[int]] = self._pieces.encode(list(texts))
        return encoded

    def score(self, tree: PieceTree) -> Floats:
        """[texts]; what is scored is each node behind its parent, and MARK behind each text."""
        ends = [nodes[-1] for nodes in tree.texts]
        feed = {
            "ids": np.array(tree.ids, np.int64),
            "places": np.array(tree.places, np.int64),
            "seen": tree.seen(),
            "before": np.array(tree.parents[1:] + ends, np.int64),
            "after": np.array(tree.ids[1:] + [MARK] * len(ends), np.int64),
        }
        (logs,) = self._session.run(["log_probs"], feed)
        steps = np.concatenate(([0.0], logs[: len(tree.ids) - 1]))
        inner = [steps[nodes].sum() for nodes in tree.texts]
        scores: Floats = np.array(inner, np.float32) + logs[len(tree.ids) - 1 :]
        return scores


class Rescorer:
    """Chooses among a beam's candidates; what it chooses keeps its own alignment."""

    def __init__(self, language_model: NeuralLanguageModel, settings: Rescoring) -> None:
        self._language_model = language_model
        self._settings = settings

    @property
    def most(self) -> int:
        """Candidates that are worth looking at."""
        return self._settings.candidates

    def choose(
        self, candidates: Sequence[Candidate], before: Sequence[str] = (), shown: Sequence[str] = ()
    ) -> Path:
        """The likeliest of `candidates`, which come best first and are not empty, behind the words
        `before`; each word with which it keeps the beginning of `shown` counts for it.
        """
        tree = self._tree(candidates, before[-MOST_BEFORE:])
        if len(tree.texts) < 2:
            return candidates[0].path
        kept, weights = candidates[: len(tree.texts)], self._settings
        sounds = np.array([each.sound for each in kept])
        likely = np.array([each.likelihood for each in kept])
        scores = sounds + weights.ngram * likely
        scores = scores + weights.neural * self._language_model.score(tree)
        scores = scores + KEPT * np.array([_agreed(each.path, shown) for each in kept])
        return kept[int(scores.argmax())].path

    def _tree(self, candidates: Sequence[Candidate], before: Sequence[str] = ()) -> PieceTree:
        """Of as many candidates as fit; of none where one is too long."""
        tree = PieceTree()
        whole = [" ".join((*before, each.text)) for each in candidates]
        texts = self._language_model.encode(whole)
        if max(map(len, texts), default=0) > MOST_PIECES:
            return tree
        for pieces in texts:
            if len(tree.ids) + len(pieces) > MOST_NODES:
                break
            tree.add(pieces)
        return tree


def _agreed(path: Path, shown: Sequence[str]) -> int:
    """How many words of `shown` the path begins with."""
    pairs = zip(path.words, shown, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0].text == pair[1], pairs))


def make_rescorer(model: Model) -> Rescorer | None:
    """None where the model's folder has no neural language model."""
    settings = model.settings.rescoring
    if settings is None:
        return None
    graph, pieces = (model.find(name) for name in (settings.graph, settings.pieces))
    return Rescorer(NeuralLanguageModel(graph, pieces), settings)
