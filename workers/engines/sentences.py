"""One sentence to translate, what is said of it, and who says that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from stream.core.messages import Rung
from workers.ports import Card


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence to translate; `draft` is what is on screen of it, and must begin with `prefix`.

    `answered`: the draft is a translation of the whole sentence.
    `growing`: it goes on, and may say what is on screen where that is nearly the best.
    `left` says how many seconds are left (None: as many as it takes), `hurried` whether somebody
    else waits.
    """

    text: str
    source: str
    target: str
    draft: str = ""
    prefix: str = ""
    left: Callable[[], float | None] = lambda: None
    growing: bool = False
    hurried: Callable[[], bool] = lambda: False
    answered: bool = False

    def spare(self, drafted: bool) -> float | None:
        """Seconds left to say more than what there is. None where somebody else waits and the whole
        sentence is there: it was `drafted` now, or is on screen.
        """
        return 0.0 if (drafted or self.answered) and self.hurried() else self.left()


class Said(NamedTuple):
    """A sentence's translation, the rung that was reached, and what the verification counted."""

    text: str
    rung: Rung
    relaxed: bool = False
    drafted: int = 0
    accepted: int = 0
    passes: int = 0
    tokens: int = 0


class TranslatesSentences(Protocol):
    """A model. It may answer below `rung` where time runs out or somebody else waits, never later
    than a step after.
    """

    card: Card

    def translate(self, rung: Rung, sentences: Sequence[Sentence]) -> Sequence[Said]:
        """One answer a sentence, in order. Raises EngineError for the whole batch."""
