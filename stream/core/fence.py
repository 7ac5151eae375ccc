"""Who may speak in a log of results: the last who claimed it (design: Kafka, semantics)."""

from __future__ import annotations

from dataclasses import dataclass

from stream.core.messages import Translation
from stream.core.records import Log, Result, Topic, Voice

FENCED = frozenset({Topic.CAPTIONS, Topic.PARTIALS, Topic.TRANSLATIONS})
"""Logs in which each voice has one owner; verdicts and events come from many."""


@dataclass(slots=True)
class _Owner:
    name: str
    claimed: bool
    heard: float


class Fence:
    """Told each log's results in order, it lets through what the log's owner says.

    Each voice of a log has an owner of its own.

    A claim makes its writer the owner for good, until the next claim. Where no claim has been read
    (it lies before what a gateway reads back), the first who is heard counts as the owner until it
    has been silent for `silence_s` and another speaks: a paused worker that wakes up is ignored
    while the owner speaks, and cannot shut the owner out for longer than that.
    """

    def __init__(self, silence_s: float = 30.0) -> None:
        self.silence_s = silence_s
        self.dropped = 0
        self._owners: dict[tuple[Log, Voice], _Owner] = {}

    def claim(self, log: Log, name: str, at: float, voice: Voice = "captions") -> None:
        """From here on `name` owns the log."""
        self._owners[log, voice] = _Owner(name, True, at)

    def admits(self, log: Log, name: str, at: float, voice: Voice = "captions") -> bool:
        """True where what `name` wrote at `at` (the record's time) is to be heard."""
        if log.topic not in FENCED:
            return True
        owner = self._owners.get((log, voice))
        if owner is None or (not owner.claimed and at - owner.heard > self.silence_s):
            self._owners[log, voice] = _Owner(name, False, at)
            return True
        if owner.name != name:
            self.dropped += 1
            return False
        owner.heard = at
        return True


def voice_of(result: Result) -> Voice:
    """Whose owner a result must come from."""
    return "translations" if isinstance(result, Translation) else "captions"
