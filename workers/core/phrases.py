"""Where listed phrases stand in a text, word by word; what is written plainly is found.

A token is a word, a sign, or a character of a script that puts no spaces between words. The work
is linear in the text, times the longest phrase at worst.
"""

from __future__ import annotations

import re
import unicodedata
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

_WIDE = r"\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff"
_TOKEN = re.compile(rf"[{_WIDE}]|[^\W{_WIDE}]+|[^\w\s]")
_APOSTROPHES = str.maketrans("’ʼ‘", "'''")


class Token(NamedTuple):
    """A folded word or sign, and the code points [start, end) where it stands."""

    word: str
    start: int
    end: int


class Match(NamedTuple):
    """A phrase stands in code points [start, end); `name` is its list's."""

    start: int
    end: int
    phrase: str
    name: str


@dataclass(slots=True)
class _Node:
    after: dict[str, _Node] = field(default_factory=dict)
    phrase: str = ""
    name: str = ""

    @property
    def ends(self) -> bool:
        return bool(self.phrase)


class PhraseBook:
    """Phrases by the names of their lists, and exceptions: a phrase inside one is not found."""

    def __init__(
        self, lists: Iterable[tuple[str, Iterable[str]]], exceptions: Iterable[str] = ()
    ) -> None:
        self._root = _Node()
        self._exceptions = _Node()
        self.longest = 0
        for name, phrases in lists:
            for phrase in phrases:
                self._add(self._root, phrase, name)
        for phrase in exceptions:
            self._add(self._exceptions, phrase, "")

    def __bool__(self) -> bool:
        return bool(self._root.after)

    def find(self, text: str) -> list[Match]:
        """The phrases that stand in a text, in order; where two overlap the first and longest."""
        return self.find_among(tokens_of(text))

    def find_among(self, tokens: Sequence[Token]) -> list[Match]:
        excepted = deque(_spans(self._exceptions, tokens))
        found: list[Match] = []
        end = excepted_to = 0
        for match in _spans(self._root, tokens):
            while excepted and excepted[0].start <= match.start:
                excepted_to = max(excepted_to, excepted.popleft().end)
            if match.start >= end and match.end > excepted_to:
                found.append(match)
                end = match.end
        return found

    def undecided(self, tokens: Sequence[Token]) -> int | None:
        """Where tokens begin that more tokens could make a phrase, or an exception, of; None where
        whatever follows changes nothing about these.
        """
        for first in range(max(0, len(tokens) - self.longest + 1), len(tokens)):
            rest = tokens[first:]
            if _may_grow(self._root, rest) or _may_grow(self._exceptions, rest):
                return tokens[first].start
        return None

    def _add(self, node: _Node, phrase: str, name: str) -> None:
        tokens = tokens_of(phrase)
        for token in tokens:
            node = node.after.setdefault(token.word, _Node())
        if tokens and not node.ends:
            node.phrase, node.name = phrase, name
            self.longest = max(self.longest, len(tokens))


def tokens_of(text: str) -> list[Token]:
    return [Token(fold(each[0]), each.start(), each.end()) for each in _TOKEN.finditer(text)]


def fold(word: str) -> str:
    if word.isascii():
        return word.lower()
    return unicodedata.normalize("NFKC", word).translate(_APOSTROPHES).casefold()


def _spans(root: _Node, tokens: Sequence[Token]) -> list[Match]:
    """The longest phrase at each place."""
    found = []
    for first, token in enumerate(tokens):
        node = root.after.get(token.word)
        best: Match | None = None
        last = first
        while node is not None:
            if node.ends:
                best = Match(token.start, tokens[last].end, node.phrase, node.name)
            last += 1
            node = node.after.get(tokens[last].word) if last < len(tokens) else None
        if best is not None:
            found.append(best)
    return found


def _may_grow(node: _Node, tokens: Sequence[Token]) -> bool:
    """Whether these tokens begin a longer phrase."""
    for token in tokens:
        following = node.after.get(token.word)
        if following is None:
            return False
        node = following
    return bool(node.after)
