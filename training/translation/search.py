"""Decoding through the exported graphs: sketch, draft, verify and repair, greedy, beam."""

from dataclasses import dataclass

import numpy as np

from .pieces import BEGIN, END, Ids, collapse
from .session import Array, Candidates, Graphs, Memory


@dataclass(frozen=True)
class Verified:
    """A translation, how many of the draft's pieces stood in the first pass, and the passes."""

    ids: Ids
    drafted: int
    accepted: int
    passes: int


def sketch(graphs: Graphs, memory: Memory) -> Ids:
    """Greedy CTC of the first row, half way through the head."""
    return collapse(graphs.sketch(memory).ids[0].tolist())


def draft(graphs: Graphs, memory: Memory) -> Ids:
    """Greedy CTC of the first row."""
    return collapse(graphs.draft(memory)[0].tolist())


def greedy(graphs: Graphs, memory: Memory) -> Ids:
    return verify(graphs, memory, []).ids


def verify(graphs: Graphs, memory: Memory, drafted: Ids) -> Verified:
    """Accepts the draft while each piece is the decoder's best, puts the best in place of the
    first that is not, and goes on with the rest of the draft behind it; what comes out is what
    greedy decoding gives. The first row of `memory` only."""
    past, length = graphs.empty_past(memory)
    said: Ids = []
    fed, rest = [BEGIN], list(drafted)
    first: int | None = None
    passes, limit = 0, _limit(memory)
    while len(said) < limit:
        found = graphs.decode(np.array([fed + rest]), memory, past, length)
        passes += 1
        best = found.ids[0, :, 0].tolist()[len(fed) - 1 :]
        agreed = _agreed(best, rest)
        first = agreed if first is None else first
        said += [*rest[:agreed], best[agreed]]
        if best[agreed] == END:
            return Verified(said[:-1], len(drafted), first, passes)
        kept = len(fed) + agreed
        past = np.concatenate([past, found.keys_values[:, :, :kept]], 2)
        length = length + kept
        fed, rest = [best[agreed]], rest[agreed + 1 :]
    return Verified(said[:limit], len(drafted), first or 0, passes)


def _agreed(best: Ids, rest: Ids) -> int:
    """How many of the rest are the best at their place."""
    pairs = zip(best, rest, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), len(rest))


def beam(graphs: Graphs, memory: Memory, width: int = 4, length_power: float = 1.0) -> Ids:
    """The best ended hypothesis by log-prob over length to a power. The first row only."""
    past, length = graphs.empty_past(memory)
    rows = memory.rows(np.zeros(1, np.int64))
    hypotheses: list[tuple[float, Ids]] = [(0.0, [BEGIN])]
    ended: list[tuple[float, Ids]] = []
    for at in range(_limit(memory)):
        found = graphs.decode(np.array([[ids[-1]] for _, ids in hypotheses]), rows, past, length)
        ranked = _ranked(found, hypotheses)[: 2 * width]
        for score, row, piece in ranked[:width]:
            if piece == END:
                ended.append((score / (at + 1) ** length_power, hypotheses[row][1][1:]))
        if len(ended) >= width:
            break
        alive = [r for r in ranked if r[2] != END][:width]
        parents = np.array([row for _, row, _ in alive])
        past = np.concatenate([past, found.keys_values], 2)[:, parents]
        length = np.full(len(alive), at + 1)
        rows = memory.rows(np.zeros(len(alive), np.int64))
        hypotheses = [(score, [*hypotheses[row][1], piece]) for score, row, piece in alive]
    return max(ended)[1] if ended else hypotheses[0][1][1:]


def _ranked(found: Candidates, hypotheses: list[tuple[float, Ids]]) -> list[tuple[float, int, int]]:
    """Score, hypothesis and piece of all that could come next, best first."""
    scores: Array = found.scores[:, 0] + np.array([[score] for score, _ in hypotheses])
    flat = scores.flatten()
    order = np.argsort(-flat, kind="stable")
    rows, columns = np.divmod(order, scores.shape[1])
    ids = found.ids[rows, 0, columns]
    return list(zip(flat[order].tolist(), rows.tolist(), ids.tolist(), strict=True))


def _limit(memory: Memory) -> int:
    return int(memory.length[0]) * 3 // 2 + 10
