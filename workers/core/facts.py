"""What must come through a translation: numbers, addresses, and a glossary's words.

A model reads letters in place of addresses, which it cannot spell; where it loses a number, it is
asked again with another number, or a letter, in its place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from workers.core.numbers import NUMBER, Number, localised
from workers.core.pieces import ADDRESS, spelled_phrase

LETTERS = ("Q", "X", "Z")
"""Stand for what no model spells; of all capitals and names tried, models keep "Q" best."""
FIGURES = ("23", "25", "14", "12", "35", "17")
"""Stand for numbers that a model gets wrong."""
_UNIT = re.compile(r"\s?(?:[kcm]?m|k?g|mg|[cm]?l|km/h|[kMGT]B|k?Wh?)\b(?!')")


class Fact(NamedTuple):
    """`source[start:end]`, what the translation must say for it (empty: the number as its language
    writes it), and what stands for it in what the model reads (empty: it reads the fact itself).
    """

    source: str
    start: int
    end: int
    wanted: str = ""
    stand_in: str = ""

    @property
    def number(self) -> Number:
        return Number(self.source, self.start, self.end)

    def read(self) -> str:
        return self.stand_in or self.source[self.start : self.end]

    def copy(self, language: str) -> str:
        """What stands in the translation where it is cut at this fact."""
        return self.wanted or localised(self.number, language)

    def as_word(self, language: str) -> Fact:
        """A number with its unit, to be said as it is written here."""
        if self.wanted:
            return self
        unit = _UNIT.match(self.source, self.end)
        end = unit.end() if unit else self.end
        return self._replace(end=end, wanted=self.copy(language) + self.source[self.end : end])


class Span(NamedTuple):
    """Of a text, and what shall stand there."""

    start: int
    end: int
    text: str


def find_facts(sentence: str, glossary: Mapping[str, str]) -> list[Fact]:
    """In order, with letters in place of addresses as long as there are letters."""
    phrases = [spelled_phrase(given) for given in sorted(glossary, key=len, reverse=True)]
    there = {given.casefold(): wanted for given, wanted in glossary.items()}
    pattern = "|".join([*phrases, f"(?P<address>{ADDRESS})", NUMBER])
    letters = iter([each for each in LETTERS if not alone(each).search(sentence)])
    facts = []
    for found in re.finditer(pattern, sentence, re.IGNORECASE):
        text = found.group()
        if text.casefold() in there:
            facts.append(Fact(sentence, *found.span(), there[text.casefold()]))
        elif found["address"]:
            facts.append(Fact(sentence, *found.span(), text, next(letters, "")))
        else:
            facts.append(Fact(sentence, *found.span()))
    return facts


def with_stand_ins(facts: Sequence[Fact], missing: Sequence[Fact]) -> list[Fact]:
    """Others for those that are missing, where some are left."""
    taken = {each.read() for each in facts}
    words = set(re.findall(r"\w+", facts[0].source)) | taken if facts else set()
    letters = iter([each for each in LETTERS if each not in words])
    figures = iter([each for each in FIGURES if each not in words])
    return [
        each._replace(stand_in=next(letters if each.wanted else figures, each.stand_in))
        if each in missing
        else each
        for each in facts
    ]


def with_letters(facts: Sequence[Fact], missing: Sequence[Fact], language: str) -> list[Fact]:
    """Letters for the numbers that are missing."""
    lost = {each.start for each in missing}
    words = [each.as_word(language) if each.start in lost else each for each in facts]
    return with_stand_ins(words, [each for each in words if each.start in lost])


def readable(facts: Sequence[Fact], sentence: str) -> str:
    """The sentence as the model reads it."""
    spans = [Span(each.start, each.end, each.read()) for each in facts]
    return edited(sentence, spans)


def masked(facts: Sequence[Fact], shown: str) -> str:
    """What is on screen, in the words of a model that reads stand-ins."""
    for each in facts:
        if each.stand_in and each.wanted:
            shown = shown.replace(each.wanted, each.stand_in, 1)
    return shown


def alone(word: str) -> re.Pattern[str]:
    """The word where it is no part of another."""
    return re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")


def edited(text: str, spans: Sequence[Span]) -> str:
    """The text with the spans in it, which do not overlap."""
    made, at = "", 0
    for span in sorted(spans):
        made += text[at : span.start] + span.text
        at = max(at, span.end)
    return made + text[at:]
