"""Words that were misspelt to hide them: doubled, swapped and starred letters.

A word that is not known becomes the known one that a single such slip away makes. What was meant
cannot be told where several could be: the one that comes first in the vocabulary, which is ordered
by use, is the guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

LEAST = 4
"""Letters of the word that is found: shorter ones are one slip away from too much."""
MOST = 24
"""Letters of a word that is looked at."""
_LETTERS = "aeiouyhlrstcnmgkbdpfvwzxjq"

STARRED = re.compile(r"(?<![\w*#])[^\W\d_]{1,12}[*#_][^\W\d_]{1,12}(?![\w*#])")
_SIGN = re.compile(r"[*#_]")


def respelled(word: str, known: Mapping[str, int]) -> str:
    """A word of letters, or the known word that it was; `known` has each word's place."""
    if word in known or not LEAST <= len(word) <= MOST:
        return word
    doubles = [each for each in _undoubled(word) if len(each) >= LEAST and each in known]
    found = doubles or [each for each in _unswapped(word) if each in known]
    return min(found, key=known.__getitem__, default=word)


def unstarred(word: str, known: Mapping[str, int]) -> str:
    """A word with one sign in a letter's place, as STARRED finds it."""
    if not LEAST <= len(word) <= MOST:
        return word
    found = [each for each in (_SIGN.sub(letter, word) for letter in _LETTERS) if each in known]
    return min(found, key=known.__getitem__, default=word)


def _undoubled(word: str) -> Iterator[str]:
    for at in range(1, len(word)):
        if word[at] == word[at - 1]:
            yield word[:at] + word[at + 1 :]


def _unswapped(word: str) -> Iterator[str]:
    """The first letter stays, as it does where people swap."""
    for at in range(1, len(word) - 1):
        if word[at] != word[at + 1]:
            yield word[:at] + word[at + 1] + word[at] + word[at + 2 :]
