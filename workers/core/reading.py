"""A text as a model should read it: disguises undone, everything else left as it stands.

The same function makes the training texts, so a model never sees another form. Every step is one
pass of a regular expression whose repeats are bounded or cannot overlap: linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from html import unescape

from workers.core.normalise import LEET, Normaliser, without_accents
from workers.core.spelling import STARRED, respelled, unstarred

MOST_CHARACTERS = 16_000
ADDRESS_WORDS = 8
"""Words of an address that are read: a text must not hide behind `https://`."""

_BREAK = re.compile(r"</?(?:br|p|div|li|ul|tr|td|h\d)\b[^<>]{0,200}>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-z!][^<>]{0,200}>", re.IGNORECASE)
_ADDRESS = re.compile(r"\b(?:https?://|www\.)(\S{1,300})")
_ADDRESS_WORD = re.compile(r"[^\W\d_]{3,}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")

_SIGNS = "".join(map(re.escape, LEET))
_LETTERS = rf"[^\W_{_SIGNS}]"
_MIXED = re.compile(
    rf"(?<![\w{_SIGNS}]){_LETTERS}*(?:[{_SIGNS}]+{_LETTERS}+|{_LETTERS}[$@]+)[\w{_SIGNS}]*"
)
_INSIDE = re.compile(rf"[^\W\d_][{_SIGNS}]+[^\W\d_]")
_NUMBERED = re.compile(r"\d+(?:st|nd|rd|th|s|am|pm|k|m|km|kg|cm|mm|x|h|ish|yr|yrs|yo)?")
_AS_I = str.maketrans(LEET)
_AS_L = str.maketrans(LEET | dict.fromkeys("1!|", "l"))

_SPELLED = re.compile(r"(?<![^\W_])(?<!['’])[^\W\d_](?:[\W_][^\W\d_]){2,}(?![^\W_])")
_NOT_LETTER = re.compile(r"[\W\d_]")
_CUT = re.compile(r"(?<!\w)[^\W\d_]+(?:[-.*_~^+|][^\W\d_]+){1,8}(?!\w)")
_CUTTER = re.compile(r"[-.*_~^+|]")
_MENDED_LEAST = 4
_WORD = re.compile(r"[^\W\d_]+")
_RUN = re.compile(r"([^\W\d_])\1{2,}")
_REMEMBERED = 50_000
_MANY_SIGNS = re.compile(r"([^\w\s])\1{3,}")


class Reader:
    """`known` are words of the language, each with its place (core/spelling.py): they decide
    between two ways to undo a disguise.
    """

    def __init__(self, normaliser: Normaliser, known: Mapping[str, int]) -> None:
        self._normaliser = normaliser
        self._known = known
        self._respelled = lru_cache(_REMEMBERED)(self._respell)

    def read(self, text: str) -> str:
        """Lower case without accents, words and signs between single spaces."""
        plain = self._plain(text[:MOST_CHARACTERS])
        plain = _MIXED.sub(self._undisguise, plain)
        plain = _SPELLED.sub(lambda found: _NOT_LETTER.sub("", found[0]), plain)
        plain = _CUT.sub(self._mend, plain)
        if "*" in plain or "#" in plain or "_" in plain:
            plain = STARRED.sub(lambda found: unstarred(found[0], self._known), plain)
        plain = _WORD.sub(lambda found: self._respelled(found[0]), plain)
        return " ".join(_MANY_SIGNS.sub(r"\1\1\1", plain).split())

    def _plain(self, text: str) -> str:
        if "&" in text:
            text = unescape(text)
        if "<" in text:
            text = _TAG.sub("", _BREAK.sub(" ", text))
        folded = without_accents(self._normaliser.fold(_CONTROL.sub(" ", text)))
        return _ADDRESS.sub(_read_address, folded)

    def _undisguise(self, found: re.Match[str]) -> str:
        """`sh1t`, `$hit` and `a$$`, but neither `2nd`, `@name` nor `covid19`."""
        word = found[0].rstrip("!|+")
        if len(word) < 3 or _NUMBERED.fullmatch(word):
            return found[0]
        as_i, as_l = word.translate(_AS_I), word.translate(_AS_L)
        read = as_l if as_l in self._known and as_i not in self._known else as_i
        if read in self._known or _INSIDE.search(word):
            return read + found[0][len(word) :]
        return found[0]

    def _mend(self, found: re.Match[str]) -> str:
        """`sh.it` becomes a word where it is one."""
        whole = _CUTTER.sub("", found[0])
        return whole if len(whole) >= _MENDED_LEAST and whole in self._known else found[0]

    def _respell(self, word: str) -> str:
        """Letters that stand three times or more become two where that is a word, else one; then a
        single slip is undone.
        """
        if word in self._known:
            return word
        if _RUN.search(word):
            twice = _RUN.sub(r"\1\1", word)
            word = twice if twice in self._known else _RUN.sub(r"\1", word)
        return respelled(word, self._known)


def _read_address(found: re.Match[str]) -> str:
    return " ".join(["url", *_ADDRESS_WORD.findall(found[1])[:ADDRESS_WORDS]])
