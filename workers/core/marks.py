"""What writing adds to spoken words: the mark behind each, and its case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum


class Mark(IntEnum):
    """Punctuation behind a word, in the order of the model's classes."""

    NONE = 0
    COMMA = 1
    STOP = 2
    QUESTION = 3


class Case(IntEnum):
    """The case of a word, in the order of the model's classes."""

    LOWER = 0
    CAPITAL = 1
    UPPER = 2


SIGNS = {Mark.NONE: "", Mark.COMMA: ",", Mark.STOP: ".", Mark.QUESTION: "?"}
ENDS = (Mark.STOP, Mark.QUESTION)
ALWAYS_CAPITAL = frozenset(("i", "i'm", "i'll", "i've", "i'd"))
TITLES = {"mister": "Mr.", "missus": "Mrs."}
"""Before a name."""


def write_words(
    words: Sequence[str], marks: Sequence[Mark], cases: Sequence[Case], forms: Mapping[str, str]
) -> Iterator[str]:
    """Each word as it is written; a new sentence has a capital.

    `forms`: how a word looks whose capitals are not just its first letter (o'brien: O'Brien).
    Words that come with capitals keep them.
    """
    cased = [
        _cased(word, case, forms) for word, case in zip(words, _begun(marks, cases), strict=True)
    ]
    for at, (word, mark) in enumerate(zip(cased, marks, strict=True)):
        named = mark == Mark.NONE and cased[at + 1 : at + 2] and cased[at + 1][:1].isupper()
        title = TITLES.get(words[at]) if named else None
        yield _signed(title or word, mark)


def _begun(marks: Sequence[Mark], cases: Sequence[Case]) -> Iterator[Case]:
    """The cases, none lower behind the end of a sentence."""
    before = Mark.NONE
    for mark, case in zip(marks, cases, strict=True):
        yield max(case, Case.CAPITAL) if before in ENDS else case
        before = mark


def _cased(word: str, case: Case, forms: Mapping[str, str]) -> str:
    if not word.islower():
        return word
    if case == Case.UPPER:
        return word.upper()
    if case == Case.CAPITAL or word in ALWAYS_CAPITAL:
        return forms.get(word) or _capitalised(word)
    return word


def _capitalised(word: str) -> str:
    """Also behind an apostrophe: 'Tis."""
    quote = len(word) - len(word.lstrip("'"))
    return word[: quote + 1].upper() + word[quote + 1 :]


def _signed(word: str, mark: Mark) -> str:
    """One full stop is enough: 7 p.m."""
    return word if mark == Mark.STOP and word.endswith(".") else word + SIGNS[mark]
