"""Each fact of a channel once, and a segment's newest revision only."""

from __future__ import annotations

from collections.abc import Hashable
from math import inf
from typing import assert_never

from stream.core.messages import (
    Caption,
    Decision,
    Fact,
    Gap,
    Post,
    Retract,
    Review,
    Translation,
    Verdict,
)

LIMIT = 2048
FINAL = inf


class Sequence:
    """Decides what of one channel is new, whatever order its logs are read in.

    Of a segment (and language) revisions only rise, nothing follows its final, and nothing of it
    follows its retraction, nor does a post its own. Everything else passes once by its id. The
    memory holds `limit` ids; over it the oldest is forgotten, and could then pass again.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = limit
        self._newest: dict[Hashable, float] = {}

    def __len__(self) -> int:
        return len(self._newest)

    def admits(self, fact: Fact) -> bool:
        """True where `fact` is new; it is then remembered."""
        if self._is_retracted(fact):
            return False
        key, revision = _identify(fact)
        if self._newest.get(key, -1) >= revision:
            return False
        if revision == FINAL:
            self._newest.pop(key, None)  # its age counts from here
        self._newest[key] = revision
        if len(self._newest) > self.limit:
            del self._newest[next(iter(self._newest))]
        return True

    def _is_retracted(self, fact: Fact) -> bool:
        match fact:
            case Caption(segment=segment):
                return ("retract", segment, "") in self._newest
            case Translation(segment=segment, source_segment=source):
                own, theirs = ("retract", segment, ""), ("retract", source, "")
                return own in self._newest or theirs in self._newest
            case Post(post=name):
                return ("retract", "", name) in self._newest
            case _:
                return False


def _identify(fact: Fact) -> tuple[Hashable, float]:
    """What a fact is known by, and its revision (FINAL: the last)."""
    match fact:
        case Caption(segment=segment, revision=revision, final=final):
            found: tuple[Hashable, float] = ("caption", segment), FINAL if final else revision
        case Translation(segment=segment, language=language, revision=revision, final=final):
            found = ("translation", segment, language), FINAL if final else revision
        case Decision(post=post, action=action):
            found = ("decision", post, action), FINAL
        case Retract(segment=segment, post=retracted):
            found = ("retract", segment or "", retracted or ""), FINAL
        case Gap(start=start, end=end):
            found = ("gap", start, end), FINAL
        case Post(post=name) | Review(post=name) | Verdict(id=name):
            found = (type(fact).__name__, name), FINAL
        case _:
            assert_never(fact)
    return found
