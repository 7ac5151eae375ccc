"""What must come through a translation (numbers, addresses, a glossary's words), and its repair.

A translation that says a number in words, or one number wrong, is put right where it says so;
numbers that nobody gave are taken out. What cannot be put right is named.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from workers.core.numbers import (
    NUMBER,
    Number,
    day_hour,
    in_place,
    instead,
    localised,
    numbers,
    values,
    written,
)
from workers.core.pieces import ADDRESS, spelled_phrase
from workers.core.spelled import clock_pattern, number_pattern, said_in, word_of

LETTERS = ("Q", "X", "Z")
"""Stand for what no model spells; of all capitals and names tried, models keep "Q" best."""
FIGURES = ("23", "25", "14", "12", "35", "17")
"""Stand for numbers that a model gets wrong."""
_UNIT = re.compile(r"\s?(?:[kcm]?m|k?g|mg|[cm]?l|km/h|[kMGT]B|k?Wh?)\b(?!')")
_SPACES = re.compile(" {2,}")
_DIGITS = re.compile(r"\d")


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


class Mended(NamedTuple):
    """A translation put right, and the facts that it lacks in spite of that."""

    text: str
    missing: tuple[Fact, ...]


class _Span(NamedTuple):
    start: int
    end: int
    text: str


def find_facts(sentence: str, glossary: Mapping[str, str]) -> list[Fact]:
    """In order, with letters in place of addresses as long as there are letters."""
    phrases = [spelled_phrase(given) for given in sorted(glossary, key=len, reverse=True)]
    there = {given.casefold(): wanted for given, wanted in glossary.items()}
    pattern = "|".join([*phrases, f"(?P<address>{ADDRESS})", NUMBER])
    letters = iter([each for each in LETTERS if not _alone(each).search(sentence)])
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
    spans = [_Span(each.start, each.end, each.read()) for each in facts]
    return _edited(sentence, spans)


def masked(facts: Sequence[Fact], shown: str) -> str:
    """What is on screen, in the words of a model that reads stand-ins."""
    for each in facts:
        if each.stand_in and each.wanted:
            shown = shown.replace(each.wanted, each.stand_in, 1)
    return shown


def mend(facts: Sequence[Fact], sentence: str, said: str, language: str) -> Mended:
    """Each fact claims a place in the translation `said`; what no fact claims is no fact."""
    said = _SPACES.sub(" ", said)
    claims: dict[Fact, _Span] = {}
    spans: list[_Span] = []
    for fact in facts:
        if fact.wanted:
            spans += _claim_word(fact, said, spans, claims)
    free = [
        each
        for each in numbers(said)
        if not any(span.start < each.end and each.start < span.end for span in spans)
    ]
    wanted = [fact for fact in facts if not fact.wanted]
    literal = {each.text for each in free}
    for fact in sorted(wanted, key=lambda fact: fact.read() not in literal):
        if found := _same(fact, free):
            free.remove(found)
            claims[fact] = _Span(found.start, found.end, _in_place(fact, found, language))
    for fact in wanted:
        if fact not in claims and (span := _in_words(fact, said, language, [*claims.values()])):
            claims[fact] = span
            free = [each for each in free if not span.start <= each.start < span.end]
    missing = [fact for fact in facts if fact not in claims]
    if len(missing) == len(free) == 1 and not missing[0].wanted:
        (fact,), (wrong,) = missing, free
        claims[fact], missing, free = _instead(fact, wrong, language), [], []
    spans += [span for fact, span in claims.items() if not fact.wanted]
    spans += [_taken_out(each, sentence, language) for each in free]
    return Mended(_edited(said, spans), tuple(missing))


def _claim_word(
    fact: Fact, said: str, spans: Sequence[_Span], claims: dict[Fact, _Span]
) -> list[_Span]:
    """A stand-in's places (all but the first are taken out), or the first that says the word."""
    if fact.stand_in:
        places = [found.span() for found in _alone(fact.stand_in).finditer(said)]
    else:
        places = [
            found.span()
            for found in re.finditer(re.escape(fact.wanted), said, re.IGNORECASE)
            if not any(span.start < found.end() and found.start() < span.end for span in spans)
        ][:1]
    found = [
        _Span(start, end, "" if at else _like(fact, said[start:end]))
        for at, (start, end) in enumerate(places)
    ]
    if found:
        claims[fact] = found[0]
    return found


def _like(fact: Fact, said: str) -> str:
    return fact.wanted if fact.stand_in else said


def _same(fact: Fact, free: Sequence[Number]) -> Number | None:
    """The last number of the same value, one as in the source before others."""
    number = numbers(fact.stand_in)[0] if fact.stand_in else fact.number
    wanted = values(number)
    same = [each for each in free if wanted & written(each)]
    return max(
        same,
        key=lambda each: (each.text == number.text, each.runs == number.runs, each.start),
        default=None,
    )


def _in_place(fact: Fact, said: Number, language: str) -> str:
    if fact.stand_in:
        return _instead(fact, said, language).text
    return in_place(fact.number, said, language)


def _instead(fact: Fact, said: Number, language: str) -> _Span:
    """The fact in place of another number, without the letters that grew on that."""
    text = instead(fact.number, said, language)
    if said.text.endswith(" Uhr") and not text.endswith(" Uhr"):
        return _Span(said.start, said.end, text + " Uhr")
    start, end = (said.start, said.end) if fact.number.clock() else _digits_of(said)
    glued = said.whole[start - 1 : start].isalnum()
    return _Span(start, end, f" {text}" if glued else text)


def _in_words(fact: Fact, said: str, language: str, claimed: Sequence[_Span]) -> _Span | None:
    """Where the translation says the number in words, it says it in figures then."""
    for pattern in filter(None, _patterns(fact.number, language)):
        places = [
            found
            for found in re.finditer(rf"(?<![\w-])(?:{pattern})(?![\w-])", said, re.IGNORECASE)
            if not any(s.start < found.end() and found.start() < s.end for s in claimed)
        ]
        if places and (len(places) == 1 or fact.number.text != "1"):
            text = localised(fact.number, language)
            is_hour = language == "de" and fact.number.clock() and not text.endswith("Uhr")
            return _Span(*places[0].span(), text + " Uhr" * bool(is_hour))
    return None


def _patterns(number: Number, language: str) -> list[str]:
    if clock := number.clock():
        hour, minute, half = clock
        day = day_hour(hour, half)
        hours = [clock_pattern(day, minute, language), clock_pattern(hour, minute, language)]
        return [*hours, number_pattern(hour, language)] if not minute else hours
    found = sorted(each[0] for each in written(number) if len(each) == 1 and each[0].isdigit())
    return [number_pattern(int(each), language) for each in found if len(each) < 5]


def _taken_out(number: Number, sentence: str, language: str) -> _Span:
    """A number that is no figure in the source: a word, if the source says it in one."""
    runs = number.runs
    value = int(runs[0]) if len(runs) == 1 and len(runs[0]) < 5 else -1
    if number.text.isdigit() and value in said_in(sentence, "en"):
        return _Span(number.start, number.end, word_of(value, language))
    start, end = (number.start, number.end) if number.clock() else _digits_of(number)
    if number.whole[end : end + 1] == "-":
        end += 1
    elif number.whole[start - 1 : start].isspace() and not number.whole[end : end + 1].isalnum():
        start -= 1
    return _Span(start, end, "")


def _digits_of(number: Number) -> tuple[int, int]:
    """Without letters that grew on it."""
    if not any(letter.isalpha() for letter in number.text):
        return number.start, number.end
    digits = [found.start() for found in _DIGITS.finditer(number.text)]
    return number.start + digits[0], number.start + digits[-1] + 1


def _alone(word: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")


def _edited(text: str, spans: Sequence[_Span]) -> str:
    made, at = "", 0
    for span in sorted(spans):
        made += text[at : span.start] + span.text
        at = max(at, span.end)
    return made + text[at:]
