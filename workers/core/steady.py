"""Masks of a text that still grows do not flicker.

A recogniser wavers at its text's end: a listed word is there, is another one, is there again. What
was found at a word's place once is held there for a few more texts, as a Schmitt trigger holds its
output: it comes on at once and goes off late. Settled words are shown as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

from workers.core.phrases import Match, Token

HELD = 3
"""Texts in a row in which nothing is found at a place before what was found there is let go."""


class Steady:
    """Of one segment: what was found at which place of its words, and how long it still holds."""

    def __init__(self, held: int = HELD) -> None:
        self._held = held
        self._found: dict[int, tuple[str, int]] = {}

    def keep(self, tokens: Sequence[Token], matches: Sequence[Match], settled: int) -> list[Match]:
        """The matches in a text whose first `settled` code points stand, and those that hold."""
        fresh = _by_place(tokens, matches)
        held = {
            place: (name, left - 1)
            for place, (name, left) in self._found.items()
            if place not in fresh and left > 1 and not _stands(tokens, place, settled)
        }
        self._found = {place: (name, self._held) for place, name in fresh.items()} | held
        kept = [
            Match(tokens[place].start, tokens[place].end, tokens[place].word, name)
            for place, (name, _) in held.items()
            if place < len(tokens)
        ]
        return sorted([*matches, *kept])


def _by_place(tokens: Sequence[Token], matches: Sequence[Match]) -> dict[int, str]:
    """The list's name at each place that a match covers; both are in order."""
    names: dict[int, str] = {}
    place = 0
    for match in matches:
        while place < len(tokens) and tokens[place].start < match.end:
            if tokens[place].start >= match.start:
                names[place] = match.name
            place += 1
    return names


def _stands(tokens: Sequence[Token], place: int, settled: int) -> bool:
    return place < len(tokens) and tokens[place].end <= settled
