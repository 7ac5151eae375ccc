"""Sentences of everyday and political English from the translation corpora: nothing to moderate.

Taken as 0 for every label, which nobody has annotated: sentences with a listed word or a word of
violence are left out.
"""

import lzma
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from .corpus import LABELS, Example, values
from .terms import terms_of

CORPORA = ("train.en-de", "train.en-es", "train.en-fr")
LONGEST = 240
GRAVE = (
    "kill", "murder", "rape", "rapist", "hate", "hatred", "die", "dead", "stupid", "idiot", "ugly",
    "terroris", "nazi", "racis", "slave", "slaughter", "violen", "tortur", "crimin", "prostitut",
    "genocid", "disgust", "filth", "inferior", "whore", "bomb", "execut", "attack", "war", "shoot",
    "shot", "gun", "fat", "dumb", "fool", "liar", "lies", "shut", "hell", "damn", "sex", "fascis",
)  # fmt: skip
"""Beginnings of words."""
_WORD = re.compile(r"[a-z]+")
ALL_ZERO = values(dict.fromkeys(LABELS, 0.0))


class Neutral:
    """Sentences that name a group of people, others, and some in other languages."""

    def __init__(self, folder: Path, listed: Iterable[str]) -> None:
        listed_words = set(listed)
        english: dict[str, None] = {}
        self.foreign: list[str] = []
        for number, (sentence, other) in enumerate(_pairs(folder)):
            words = _WORD.findall(sentence.lower())
            grave = any(word.startswith(GRAVE) for word in words)
            if len(sentence) <= LONGEST and not grave and listed_words.isdisjoint(words):
                english.setdefault(sentence)
                if number % 40 == 0:
                    self.foreign.append(other[:LONGEST])
        naming = {s: bool(terms_of(s)) for s in english}
        self.named = [s for s, names in naming.items() if names]
        self.plain = [s for s, names in naming.items() if not names]


def _pairs(folder: Path) -> Iterator[Sequence[str]]:
    for name in CORPORA:
        with lzma.open(folder / f"{name}.tsv.xz", "rt", encoding="utf-8") as lines:
            for line in lines:
                yield line.rstrip("\n").split("\t")[:2]


def neutral(text: str) -> Example:
    return Example(text, ALL_ZERO, "neutral")
