"""What of a growing segment may be shown, and which part of it is settled."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from stream.core.messages import Word


class Shown(NamedTuple):
    """Words to show; the first `stable` of them stand in all later partials."""

    words: tuple[Word, ...]
    stable: int

    @property
    def text(self) -> str:
        return " ".join(word.word for word in self.words)

    @property
    def stable_points(self) -> int:
        """Leading code points of the text that are settled."""
        return len(" ".join(word.word for word in self.words[: self.stable]))


class Stability:
    """Of one segment. A word is stable once all hypotheses of the last `age` samples agree on it
    and on those before it; it stays so, whatever the decoder thinks later.
    """

    def __init__(self, age: int) -> None:
        self._age = age
        self._stable: tuple[Word, ...] = ()
        self._past: deque[tuple[int, tuple[str, ...]]] = deque()

    def revise(self, words: Sequence[Word], upto: int) -> Shown:
        """What to show of the hypothesis that covers the audio before sample `upto`."""
        shown = self._reconcile(tuple(words))
        self._past.append((upto, tuple(word.word for word in shown)))
        while len(self._past) > 1 and self._past[1][0] <= upto - self._age:
            self._past.popleft()
        if self._past[0][0] <= upto - self._age:
            agreed = common_prefix([texts for _, texts in self._past])
            self._stable = shown[: max(agreed, len(self._stable))]
        return Shown(shown, len(self._stable))

    def _reconcile(self, words: tuple[Word, ...]) -> tuple[Word, ...]:
        """The hypothesis behind what has been promised; words that contradict that are left out."""
        count = len(self._stable)
        promised = [word.word for word in self._stable]
        if [word.word for word in words[:count]] == promised:
            return words
        return self._stable + tuple(word for word in words if word.start >= self._stable[-1].end)


def common_prefix(texts: Sequence[Sequence[str]]) -> int:
    """How many leading words all have in common."""
    first, *others = texts
    for index, word in enumerate(first):
        if any(len(other) <= index or other[index] != word for other in others):
            return index
    return len(first)
