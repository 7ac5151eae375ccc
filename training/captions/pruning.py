"""Entropy pruning of a 3-gram model (Stolcke 1998).

An n-gram goes if the model without it is nearly as good: the weighted relative entropy that its
removal costs stays below a threshold. Histories are weighted by raw counts, because Kneser-Ney's
lower orders are no marginals.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

START, END, UNKNOWN = "<s>", "</s>", "<unk>"
_TINY = 1e-9


@dataclass(frozen=True)
class Trigrams:
    """An ARPA model. Logarithms are to base 10; `pairs` are sorted by (first, second) word."""

    words: list[str]
    unigrams: Floats
    unigram_backoffs: Floats
    pairs: Ints
    pair_logs: Floats
    triples: Ints
    triple_logs: Floats


def read_arpa(path: Path) -> Trigrams:
    with path.open("r", encoding="ascii") as file:
        counts = {}
        for line in file:
            if line.startswith("ngram"):
                order, count = line[6:].split("=")
                counts[int(order)] = int(count)
            if line.startswith("\\1-grams"):
                break
        words, logs, backoffs = [], [], []
        for line in file:
            fields = line.rstrip("\n").split("\t")
            if len(fields) < 2:
                break
            words.append(fields[1])
            logs.append(float(fields[0]))
            backoffs.append(float(fields[2]) if len(fields) > 2 else 0.0)
        ids = {word: i for i, word in enumerate(words)}
        pairs, pair_logs = _read_order(file, counts[2], 2, ids)
        triples, triple_logs = _read_order(file, counts[3], 3, ids)
    order_ = np.lexsort((pairs[:, 1], pairs[:, 0]))
    return Trigrams(
        words,
        np.array(logs),
        np.array(backoffs),
        pairs[order_],
        pair_logs[order_],
        triples,
        triple_logs,
    )


def _read_order(file: object, count: int, order: int, ids: dict[str, int]) -> tuple[Ints, Floats]:
    grams, logs = np.empty((count, order), np.int64), np.empty(count)
    row = 0
    for line in file:  # type: ignore[attr-defined]
        fields = line.rstrip("\n").split("\t")
        if len(fields) < 2:
            if row:
                break
            continue
        logs[row] = float(fields[0])
        grams[row] = [ids[w] for w in fields[1].split(" ")]
        row += 1
    assert row == count
    return grams, logs


class Pruner:
    """Holds what pruning at any threshold needs: counts, and each n-gram's cost of removal."""

    def __init__(self, model: Trigrams, text: Path) -> None:
        self.model = model
        self._size = len(model.words)
        self._unigrams = 10.0**model.unigrams
        self._unigrams[model.words.index(START)] = 0.0
        self._pairs, self._triples = 10.0**model.pair_logs, 10.0**model.triple_logs
        self._keys = model.pairs[:, 0] * self._size + model.pairs[:, 1]
        t = model.triples
        self._context = np.searchsorted(self._keys, t[:, 0] * self._size + t[:, 1])
        words, pairs, total = self._histories(text)
        lower = self._lower(np.ones(len(self._pairs), bool), 10.0**model.unigram_backoffs)
        rest, lower_rest = self._rests(self._context, self._triples, lower, len(self._pairs))
        c = self._context
        self.triple_costs = _cost(pairs[c] / total, self._triples, lower, rest[c], lower_rest[c])
        first, below = model.pairs[:, 0], self._unigrams[model.pairs[:, 1]]
        rest, lower_rest = self._rests(first, self._pairs, below, self._size)
        below = np.maximum(below, 1e-12)
        self.pair_costs = _cost(
            words[first] / total, self._pairs, below, rest[first], lower_rest[first]
        )

    def write(self, threshold: float, path: Path) -> tuple[int, int]:
        """The pruned model as ARPA; returns how many pairs and triples stayed."""
        triples = self.triple_costs >= threshold
        needed = np.zeros(len(self._pairs), bool)
        needed[self._context[triples]] = True
        pairs = (self.pair_costs >= threshold) | needed
        first, second = self.model.pairs[pairs].T
        rest, lower_rest = self._rests(
            first, self._pairs[pairs], self._unigrams[second], self._size
        )
        backoffs = rest / lower_rest
        lower = self._lower(pairs, backoffs)[triples]
        rest, lower_rest = self._rests(
            self._context[triples], self._triples[triples], lower, len(pairs)
        )
        pair_backoffs = np.where(needed, np.log10(rest / lower_rest), 0.0)
        _write_arpa(path, self.model, np.log10(backoffs), pairs, pair_backoffs, triples)
        return int(pairs.sum()), int(triples.sum())

    def _histories(self, text: Path) -> tuple[Floats, Floats, int]:
        """Raw counts of words and of the model's pairs, and of all tokens."""
        ids = {word: i for i, word in enumerate(self.model.words)}
        start, end, unknown = ids[START], ids[END], ids[UNKNOWN]
        words, pairs, total = np.zeros(self._size), np.zeros(len(self._keys)), 0
        with text.open(encoding="ascii") as file:
            while lines := file.readlines(16_000_000):
                stream: list[int] = []
                for line in lines:
                    stream.append(start)
                    stream.extend(ids.get(w, unknown) for w in line.split())
                    stream.append(end)
                array = np.array(stream)
                words += np.bincount(array, minlength=self._size)
                keys, counts = np.unique(array[:-1] * self._size + array[1:], return_counts=True)
                places, known = self._places(keys)
                pairs[places[known]] += counts[known]
                total += len(array)
        return words, pairs, total

    def _places(self, keys: Ints) -> tuple[Ints, Flags]:
        places = np.searchsorted(self._keys, keys)
        places[places == len(self._keys)] = 0
        return places, self._keys[places] == keys

    def _lower(self, alive: Flags, backoffs: Floats) -> Floats:
        """p(third | second) of every triple, by the pairs that are alive."""
        t = self.model.triples
        places, known = self._places(t[:, 1] * self._size + t[:, 2])
        backed_off = backoffs[t[:, 1]] * self._unigrams[t[:, 2]]
        return np.where(known & alive[places], self._pairs[places], backed_off)

    @staticmethod
    def _rests(history: Ints, upper: Floats, lower: Floats, size: int) -> tuple[Floats, Floats]:
        """Probability that a history leaves to back-off, by both orders; their ratio is the
        back-off weight."""
        return (
            np.maximum(1 - np.bincount(history, upper, size), _TINY),
            np.maximum(1 - np.bincount(history, lower, size), _TINY),
        )


def _cost(weight: Floats, p: Floats, lower: Floats, rest: Floats, lower_rest: Floats) -> Floats:
    """Relative entropy of removing one n-gram, as in Stolcke's section 3."""
    before, after = rest / lower_rest, (rest + p) / (lower_rest + lower)
    change = np.log(after) - np.log(before)
    return -weight * (p * (np.log(lower) + np.log(after) - np.log(p)) + change * rest)


def _write_arpa(
    path: Path,
    model: Trigrams,
    backoffs: Floats,
    pairs: Flags,
    pair_backoffs: Floats,
    triples: Flags,
) -> None:
    words = model.words
    with path.open("w", encoding="ascii") as out:
        out.write(f"\\data\\\nngram 1={len(words)}\n")
        out.write(f"ngram 2={pairs.sum()}\nngram 3={triples.sum()}\n\n\\1-grams:\n")
        for i, word in enumerate(words):
            backoff = 0.0 if word in (END, UNKNOWN) else backoffs[i]
            out.write(f"{model.unigrams[i]:.6f}\t{word}\t{backoff:.6f}\n")
        out.write("\n\\2-grams:\n")
        for row in np.flatnonzero(pairs):
            a, b = (words[w] for w in model.pairs[row])
            out.write(f"{min(model.pair_logs[row], 0):.5f}\t{a} {b}\t{pair_backoffs[row]:.5f}\n")
        out.write("\n\\3-grams:\n")
        for row in np.flatnonzero(triples):
            a, b, c = (words[w] for w in model.triples[row])
            out.write(f"{min(model.triple_logs[row], 0):.5f}\t{a} {b} {c}\n")
        out.write("\n\\end\\\n")
