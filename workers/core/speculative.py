"""Verify a draft in one pass, accept, repair, splice.

Greedy decoding in few passes: the decoder reads a whole draft at once, and of it stands what the
decoder would have said itself (Stern et al. 2018; with a draft from elsewhere, Ge et al. 2022,
"Lossless acceleration for Seq2seq generation with aggressive decoding"). After the first mismatch
it goes on word by word until it meets the draft again, which is then read on at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

AcceptanceName = Literal["strict", "relaxed"]
REACH = 8
"""So far ahead in the draft a repaired token is looked for."""
PROPOSAL = 16
"""So many tokens of the draft are read at once after it was met again."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Which draft tokens stand: the best one, or one of the `top` best whose log-probability is at
    most `log_ratio` below the best (Xia et al. 2023, SpecDec).
    """

    name: AcceptanceName
    top: int = 1
    log_ratio: float = 0.0

    def admits(self, token: int, best: NDArray[np.int64], scores: NDArray[np.float32]) -> bool:
        """`best` and `scores` hold the best tokens, best first, and their log-probabilities."""
        if token == best[0]:
            return True
        near = (best[1 : self.top] == token) & (scores[0] - scores[1 : self.top] <= self.log_ratio)
        return bool(near.any())


STRICT = Acceptance("strict")
RELAXED = Acceptance("relaxed", top=3, log_ratio=1.0)
ACCEPTANCES = {each.name: each for each in (STRICT, RELAXED)}


class Best(NamedTuple):
    """After each token that was read, the k best that may follow: [tokens, k], best first.

    `scores` are log-probabilities, or logits: only their differences count.
    """

    tokens: NDArray[np.int64]
    scores: NDArray[np.float32]


class Decoder(Protocol):
    """One sentence's autoregressive decoder with its cache."""

    def read(self, tokens: Sequence[int]) -> Best:
        """Read on after what is kept; one row for each token."""

    def keep(self, count: int) -> None:
        """Of the tokens read last, only the first `count` stand."""


class Speculation:
    """One sentence: `feed` says what the decoder should read next, `take` is told what it thinks.

    `start`   the token that opens a sentence; it is read and never part of the text
    `end`     the token that ends it; not part of the text either
    `prefix`  tokens that must open the text, whatever the decoder thinks
    `limit`   most tokens of a text
    `passes`, `accepted` (draft tokens that stood), `first` (those of the first pass) and
    `repaired` count.
    """

    def __init__(
        self,
        draft: Sequence[int],
        *,
        start: int,
        end: int,
        limit: int,
        prefix: Sequence[int] = (),
        acceptance: Acceptance = STRICT,
    ) -> None:
        self.tokens: list[int] = list(prefix[:limit])
        self.done = len(self.tokens) >= limit
        self.passes = self.accepted = self.first = self.repaired = 0
        self._draft = tuple(draft[: draft.index(end)] if end in draft else draft)
        self._unread = [start, *self.tokens]
        self._end = end
        self._limit = limit
        self._acceptance = acceptance
        self._rest = min(len(self.tokens), len(self._draft))
        self._lost = 0
        self._on_draft = bool(draft)

    def feed(self) -> list[int]:
        """What stands and has not been read, then what is proposed of the draft."""
        return self._unread + self._proposal()

    def take(self, best: Best) -> int:
        """The decoder's thoughts after each token of `feed`; returns how many of those stand."""
        last, proposed = len(self._unread) - 1, self._proposal()
        room = self._limit - len(self.tokens)
        stood = 0
        while stood < min(len(proposed), room) and self._admits(
            proposed[stood], best, last + stood
        ):
            stood += 1
        self._accept(proposed[:stood])
        if len(self.tokens) >= self._limit or self._ends(best, last + stood):
            self.done = True
        else:
            self._repair(int(best.tokens[last + stood, 0]))
        return last + 1 + stood

    def spliced(self) -> list[int]:
        """What there is now: accepted and repaired tokens, then the rest of the draft."""
        if self.done:
            return list(self.tokens)
        return [*self.tokens, *self._draft[self._rest :]][: self._limit]

    def _proposal(self) -> list[int]:
        if not self._on_draft:
            return []
        most = self._rest + PROPOSAL if self.passes else None
        return list(self._draft[self._rest : most])

    def _admits(self, token: int, best: Best, row: int) -> bool:
        return self._acceptance.admits(token, best.tokens[row], best.scores[row])

    def _ends(self, best: Best, row: int) -> bool:
        """The draft proposes the end behind its last token; else only the best token counts."""
        if self._on_draft and self._rest == len(self._draft):
            return self._admits(self._end, best, row)
        return int(best.tokens[row, 0]) == self._end

    def _accept(self, tokens: Sequence[int]) -> None:
        self.tokens += tokens
        self._rest += len(tokens)
        self.accepted += len(tokens)
        if self.passes == 0:
            self.first = len(tokens)
        self.passes += 1

    def _repair(self, token: int) -> None:
        """The decoder's own word; look for it in the draft, to go on with what is behind it.

        It is looked for from the first token on that was not accepted. While it is not found, each
        word of the decoder's counts as instead of one of the draft's.
        """
        self.tokens.append(token)
        self._unread = [token]
        self.repaired += 1
        rejected = self._rest - self._lost
        ahead = self._draft[rejected : self._rest + REACH]
        self._on_draft = token in ahead
        if self._on_draft:
            self._rest, self._lost = rejected + ahead.index(token) + 1, 0
        elif self._rest < len(self._draft):
            self._rest, self._lost = self._rest + 1, self._lost + 1


def decode(speculation: Speculation, decoder: Decoder, more: Callable[[], bool]) -> list[int]:
    """Verify and repair while there is time; the text's tokens, spliced where time ran out.

    `more` is asked before each pass whether one more may begin.
    """
    while not speculation.done and more():
        best = decoder.read(speculation.feed())
        decoder.keep(speculation.take(best))
    return speculation.spliced()


class Steps:
    """Whether one more step ends before the deadline: as long as the longest so far, plus a guard
    for what follows.
    """

    def __init__(self, guard_s: float = 0.0) -> None:
        self._guard_s = guard_s
        self._longest_s = 0.0

    def took(self, seconds: float) -> None:
        """A step has ended."""
        self._longest_s = max(self._longest_s, seconds)

    def fit(self, left_s: float | None) -> bool:
        """Asked before each step; None: there is no hurry."""
        return left_s is None or left_s > self._longest_s + self._guard_s
