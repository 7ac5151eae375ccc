"""Finds many phrases in a text at once, also obfuscated ones (Aho and Corasick, 1975)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import ahocorasick

from workers.core.normalise import Normaliser, Runs, Spellings, is_dragged, runs_of

SPELLED_LEAST = 4
"""Letters of a phrase that is looked for inside a word that was spelled letter by letter."""


DRAGGED_MOST = 20_000
"""Candidates that are looked at in a text with dragged letters; only phrases that end in each
other's beginnings come so far. What is written plainly is found beyond it.
"""


class WordList:
    """Phrases, compiled. A phrase without any letter or digit is found as it is."""

    def __init__(self, phrases: Iterable[str], normaliser: Normaliser) -> None:
        self._signs: list[str] = []
        by_skeleton: dict[str, str] = {}
        for phrase in phrases:
            skeleton = normaliser.skeleton(phrase)
            if skeleton.strip():
                by_skeleton.setdefault(skeleton, phrase)
            elif phrase.strip():
                self._signs.append(phrase)
        self._words = automaton((skeleton, skeleton) for skeleton in by_skeleton)
        self._spelled = automaton(
            (skeleton[1:-1], skeleton)
            for skeleton in by_skeleton
            if " " not in skeleton[1:-1] and len(skeleton) >= SPELLED_LEAST + 2
        )
        dragged: dict[str, list[tuple[str, Runs]]] = {}
        for skeleton in by_skeleton:
            runs = runs_of(skeleton)
            dragged.setdefault(runs.letters, []).append((skeleton, runs))
        self._dragged = automaton(dragged.items())
        self._phrases = by_skeleton

    def find(self, text: str, spellings: Spellings) -> list[str]:
        """The phrases that occur, each once, in the order in which they are met."""
        found = dict.fromkeys(sign for sign in self._signs if sign in text)
        for skeleton in self._matches(spellings):
            found.setdefault(self._phrases[skeleton])
        return list(found)

    def _matches(self, spellings: Spellings) -> Iterator[str]:
        for skeleton in spellings.skeletons:
            yield from hits(self._words, skeleton)
            if is_dragged(skeleton):
                yield from self._dragged_matches(skeleton)
        for word in spellings.spaced:
            yield from hits(self._words, f" {word} ")
            yield from hits(self._spelled, word)

    def _dragged_matches(self, skeleton: str) -> Iterator[str]:
        text = runs_of(skeleton)
        candidates = (
            (end, *candidate)
            for end, group in matches(self._dragged, text.letters)
            for candidate in group
        )
        for end, phrase, runs in islice(candidates, DRAGGED_MOST):
            if text.covers(runs, end + 1 - len(runs.lengths)):
                yield phrase


def automaton(pairs: Iterable[tuple[str, object]]) -> ahocorasick.Automaton:
    built = ahocorasick.Automaton()
    for key, value in pairs:
        built.add_word(key, value)
    built.make_automaton()
    return built


def matches(automaton: ahocorasick.Automaton, text: str) -> Iterator[tuple[int, Any]]:
    """The index of each match's last character, and what is stored for it."""
    return automaton.iter(text) if len(automaton) else iter(())


def hits(automaton: ahocorasick.Automaton, text: str) -> Iterator[str]:
    return (value for _, value in matches(automaton, text))
