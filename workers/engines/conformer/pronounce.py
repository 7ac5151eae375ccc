"""How a word that no lexicon has is spoken: a joint n-gram model of letters and phones.

A graphone pairs letters with phones; an n-gram model with absolute discounting scores their
sequences (Bisani and Ney 2008), and a beam over the letters finds the best. The file is made by
training/captions/export_g2p.py.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import NamedTuple, TypeVar

K = TypeVar("K")
Phones = tuple[str, ...]
Context = tuple[int, ...]

UNSEEN = 1e-7
MOST_LETTERS = 40


class Graphone(NamedTuple):
    letters: str
    phones: Phones


class Pronouncer:
    """`packed` are the file's bytes, unpacked."""

    def __init__(self, content: bytes) -> None:
        first, *lines = content.decode("ascii").splitlines()
        self._graphones = [Graphone(text, tuple(phones)) for text, phones in json.loads(first)]
        self._counts: dict[Context, dict[int, int]] = {}
        for line in lines:
            context, _, pairs = line.partition("|")
            split = (pair.split(":") for pair in pairs.split())
            counts = {int(number): int(count) for number, count in split}
            self._counts[tuple(map(int, context.split()))] = counts
        self._totals = {context: sum(seen.values()) for context, seen in self._counts.items()}
        self._order = 1 + max(map(len, self._counts))
        self._by_letters: dict[str, list[int]] = {}
        for number, graphone in enumerate(self._graphones):
            self._by_letters.setdefault(graphone.letters, []).append(number)
        self._start, self._end = (self._by_letters[mark][0] for mark in "<>")

    def pronounce(self, word: str, *, beam: int = 16, most: int = 3) -> list[Phones]:
        """The best pronunciations of a word in capital letters, best first."""
        letters = "".join(letter for letter in word if "A" <= letter <= "Z")[:MOST_LETTERS]
        live: list[dict[tuple[Context, Phones], float]] = [{} for _ in range(len(letters) + 1)]
        live[0][((self._start,), ())] = 0.0
        for at in range(len(letters)):
            for (history, phones), score in _best(live[at], beam):
                for number in self._readings(letters, at):
                    read = self._graphones[number]
                    after = (*history, number)[-(self._order - 1) :]
                    total = score + math.log(self._probability(history, number))
                    ahead, key = live[at + len(read.letters)], (after, phones + read.phones)
                    ahead[key] = max(ahead.get(key, -math.inf), total)
        ended: dict[Phones, float] = {}
        for (history, phones), score in live[-1].items():
            total = score + math.log(self._probability(history, self._end))
            ended[phones] = max(ended.get(phones, -math.inf), total)
        return [phones for phones, _ in _best(ended, most) if phones]

    def _probability(self, history: Context, number: int) -> float:
        found = UNSEEN
        for length in range(min(self._order, len(history) + 1)):
            context = history[len(history) - length :]
            seen = self._counts.get(context)
            if seen is None:
                break
            discount = 0.5 + 0.1 * min(length, 4)
            kept = max(seen.get(number, 0) - discount, 0.0)
            found = (kept + discount * len(seen) * found) / self._totals[context]
        return found

    def _readings(self, letters: str, at: int) -> Iterator[int]:
        for width in (1, 2):
            if at + width <= len(letters):
                yield from self._by_letters.get(letters[at : at + width], ())


def _best(scored: dict[K, float], most: int) -> list[tuple[K, float]]:
    return sorted(scored.items(), key=lambda item: -item[1])[:most]
