"""Which rung next (design: the anytime ladder)."""

from __future__ import annotations

from collections.abc import Sequence

from stream.core.messages import Rung
from workers.core.profile import LatencyProfile

_ORDER = {rung: place for place, rung in enumerate(Rung)}


class Ladder:
    """Picks the highest rung whose predicted time fits the slack minus a guard.

    `guard_s` is kept for what follows the engine: publishing, and a clock that is read late.
    """

    def __init__(self, profile: LatencyProfile, guard_s: float = 0.002) -> None:
        self._profile = profile
        self.guard_s = guard_s

    def fits(self, rung: Rung, length: int, slack_s: float, batch: int = 1) -> bool:
        """Whether a batch that starts now is predicted to leave the guard before the deadline."""
        return self._profile.predict(rung, length, batch) + self.guard_s <= slack_s

    def highest(
        self, rungs: Sequence[Rung], length: int, slack_s: float, batch: int = 1
    ) -> Rung | None:
        """The best of `rungs` that fits; None where not even the cheapest does."""
        fitting = [rung for rung in rungs if self.fits(rung, length, slack_s, batch)]
        return max(fitting, key=_ORDER.__getitem__, default=None)

    def next_rung(
        self, done: Rung, rungs: Sequence[Rung], length: int, slack_s: float, batch: int = 1
    ) -> Rung | None:
        """The best rung above `done` that fits what is left; None where climbing ends."""
        return self.highest(above(done, rungs), length, slack_s, batch)


def is_above(rung: Rung, done: Rung | None) -> bool:
    """Whether it is better than `done`, or than nothing."""
    return done is None or _ORDER[rung] > _ORDER[done]


def is_below(rung: Rung, done: Rung | None) -> bool:
    """Whether `done` is better."""
    return done is not None and is_above(done, rung)


def above(done: Rung, rungs: Sequence[Rung]) -> tuple[Rung, ...]:
    """The rungs that are better than `done`, in their order."""
    return tuple(rung for rung in rungs if _ORDER[rung] > _ORDER[done])
