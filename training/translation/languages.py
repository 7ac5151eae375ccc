"""Which of a few languages a sentence is in, by its letter trigrams (Cavnar and Trenkle 1994)."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping

#: Below so many letters a sentence is too short to tell.
TELLING_LETTERS = 20


class Trigrams:
    """Smoothed letter trigrams of one language; scores are mean log-probs a trigram."""

    def __init__(self, texts: Iterable[str]) -> None:
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(_trigrams(text))
        total = sum(counts.values()) + 50_000
        self._unseen = -math.log(total)
        self._scores = {t: math.log((n + 1) / total) for t, n in counts.items()}

    def score(self, text: str) -> float:
        found = [self._scores.get(t, self._unseen) for t in _trigrams(text)]
        return sum(found) / max(len(found), 1)


class Languages:
    def __init__(self, samples: Mapping[str, Iterable[str]]) -> None:
        self._models = {name: Trigrams(texts) for name, texts in samples.items()}

    def is_other(self, text: str, claimed: str, margin: float = 0.4) -> bool:
        """Whether another language fits clearly better than the claimed one."""
        if sum(map(str.isalpha, text)) < TELLING_LETTERS:
            return False
        scores = {name: model.score(text) for name, model in self._models.items()}
        return max(scores.values()) > scores[claimed] + margin


def _trigrams(text: str) -> list[str]:
    letters = f"  {text.lower()} "
    return [letters[i : i + 3] for i in range(len(letters) - 2)]
