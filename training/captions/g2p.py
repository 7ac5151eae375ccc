"""Pronunciations for words that no dictionary has: a joint n-gram model of letters and phones.

A graphone pairs one or two letters with none, one or two phones. EM aligns the dictionary into
graphones (Jiampojamarn et al. 2007), an n-gram model with absolute discounting scores their
sequences (Bisani and Ney 2008), and a beam over the letters finds the best sequence.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from .phones import Phones

K = TypeVar("K")
Graphone = tuple[str, Phones]

#: Letters and phones that one graphone may take.
SHAPES = ((1, 0), (1, 1), (1, 2), (2, 1))
_START: Graphone = ("<", ())
_END: Graphone = (">", ())
_UNSEEN = 1e-7


class Aligner:
    """Splits a (word, phones) pair into graphones; learned by expectation maximisation."""

    def __init__(self, pairs: Sequence[tuple[str, Phones]], rounds: int = 4) -> None:
        self._weights: dict[Graphone, float] = {}
        for _ in range(rounds):
            self._maximise(pairs)

    def __call__(self, word: str, phones: Phones) -> list[Graphone] | None:
        """The likeliest graphones, or None if the shapes cannot cover the pair."""
        best: dict[tuple[int, int], tuple[float, Graphone | None, tuple[int, int]]] = {
            (0, 0): (0.0, None, (0, 0))
        }
        for at, graphone, to in _edges(word, phones):
            if at in best:
                score = best[at][0] + math.log(self._weight(graphone))
                if to not in best or score > best[to][0]:
                    best[to] = (score, graphone, at)
        place, path = (len(word), len(phones)), []
        if place not in best:
            return None
        while place != (0, 0):
            _, step, place = best[place]
            assert step is not None
            path.append(step)
        return path[::-1]

    def _weight(self, graphone: Graphone) -> float:
        return max(self._weights.get(graphone, 0.0), _UNSEEN) if self._weights else 1.0

    def _maximise(self, pairs: Sequence[tuple[str, Phones]]) -> None:
        counts: dict[Graphone, float] = defaultdict(float)
        for word, phones in pairs:
            self._expect(word, phones, counts)
        total = sum(counts.values())
        self._weights = {g: c / total for g, c in counts.items()}

    def _expect(self, word: str, phones: Phones, counts: dict[Graphone, float]) -> None:
        edges = [(a, g, b, self._weight(g)) for a, g, b in _edges(word, phones)]
        end = (len(word), len(phones))
        forward: dict[tuple[int, int], float] = defaultdict(float, {(0, 0): 1.0})
        for a, _, b, w in edges:
            forward[b] += forward[a] * w
        if not forward[end]:
            return
        backward: dict[tuple[int, int], float] = defaultdict(float, {end: 1.0})
        for a, _, b, w in reversed(edges):
            backward[a] += backward[b] * w
        for a, g, b, w in edges:
            counts[g] += forward[a] * w * backward[b] / forward[end]


class GraphoneModel:
    """An interpolated n-gram model with absolute discounting over graphones."""

    def __init__(self, sequences: Iterable[list[Graphone]], order: int = 6) -> None:
        self._order = order
        self.counts: list[dict[tuple[Graphone, ...], Counter[Graphone]]] = [
            defaultdict(Counter) for _ in range(order)
        ]
        for sequence in sequences:
            self._count([_START, *sequence, _END])
        self._totals = [{c: n.total() for c, n in level.items()} for level in self.counts]
        self.by_letters: dict[str, list[Graphone]] = defaultdict(list)
        for graphone in self.counts[0][()]:
            self.by_letters[graphone[0]].append(graphone)

    def _count(self, sequence: list[Graphone]) -> None:
        for i in range(1, len(sequence)):
            for n in range(min(self._order, i + 1)):
                self.counts[n][tuple(sequence[i - n : i])][sequence[i]] += 1

    def probability(self, history: tuple[Graphone, ...], graphone: Graphone) -> float:
        found = _UNSEEN
        for n in range(min(self._order, len(history) + 1)):
            context = history[len(history) - n :]
            total = self._totals[n].get(context)
            if not total:
                break
            seen = self.counts[n][context]
            discount = 0.5 + 0.1 * min(n, 4)
            kept = max(seen.get(graphone, 0) - discount, 0.0)
            found = (kept + discount * len(seen) * found) / total
        return found

    def pronounce(self, word: str, beam: int = 24, most: int = 1) -> list[Phones]:
        """The best `most` pronunciations of a word of letters and apostrophes."""
        letters = word.replace("'", "")
        live: list[dict[tuple[tuple[Graphone, ...], Phones], float]] = [
            {} for _ in range(len(letters) + 1)
        ]
        live[0][((_START,), ())] = 0.0
        for at in range(len(letters)):
            for (history, phones), score in _best(live[at], beam):
                for graphone in self._readings(letters, at):
                    after = (*history, graphone)[-(self._order - 1) :]
                    key = (after, phones + graphone[1])
                    total = score + math.log(self.probability(history, graphone))
                    step = live[at + len(graphone[0])]
                    step[key] = max(step.get(key, -math.inf), total)
        ended: dict[Phones, float] = {}
        for (history, phones), score in live[-1].items():
            total = score + math.log(self.probability(history, _END))
            ended[phones] = max(ended.get(phones, -math.inf), total)
        return [p for p, _ in _best(ended, most) if p]

    def _readings(self, letters: str, at: int) -> Iterator[Graphone]:
        for width in (1, 2):
            if at + width <= len(letters):
                yield from self.by_letters.get(letters[at : at + width], ())


def train_g2p(dictionary: dict[str, list[Phones]], sample_every: int = 4) -> GraphoneModel:
    """A model of the dictionary's purely alphabetic words; EM sees one word in `sample_every`."""
    pairs = [(w, p) for w, known in dictionary.items() if w.isalpha() for p in known[:1]]
    align = Aligner(pairs[::sample_every])
    aligned = (align(word, phones) for word, phones in pairs)
    return GraphoneModel(a for a in aligned if a is not None)


def _edges(
    word: str, phones: Phones
) -> Iterator[tuple[tuple[int, int], Graphone, tuple[int, int]]]:
    for i in range(len(word)):
        for j in range(len(phones) + 1):
            for width, height in SHAPES:
                if i + width <= len(word) and j + height <= len(phones):
                    graphone = (word[i : i + width], phones[j : j + height])
                    yield (i, j), graphone, (i + width, j + height)


def _best(scored: dict[K, float], most: int) -> list[tuple[K, float]]:
    return sorted(scored.items(), key=lambda item: -item[1])[:most]
