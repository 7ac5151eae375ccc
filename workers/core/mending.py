"""A translation put right where it has the facts of its source wrong.

What says a number in words, or one number wrong, says it in figures then; numbers that nobody gave
are taken out. What cannot be put right is named.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from workers.core.facts import Fact, Span, alone, edited
from workers.core.numbers import (
    Number,
    day_hour,
    in_place,
    instead,
    localised,
    numbers,
    values,
    written,
)
from workers.core.spelled import clock_pattern, number_pattern, said_in, word_of

_SPACES = re.compile(" {2,}")
_DIGITS = re.compile(r"\d")


class Mended(NamedTuple):
    """A translation put right, and the facts that it lacks in spite of that."""

    text: str
    missing: tuple[Fact, ...]


def mend(facts: Sequence[Fact], sentence: str, said: str, language: str) -> Mended:
    """Each fact claims a place in the translation `said`; what no fact claims is no fact."""
    said = _SPACES.sub(" ", said)
    claims: dict[Fact, Span] = {}
    spans: list[Span] = []
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
            claims[fact] = Span(found.start, found.end, _in_place(fact, found, language))
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
    return Mended(edited(said, spans), tuple(missing))


def _claim_word(
    fact: Fact, said: str, spans: Sequence[Span], claims: dict[Fact, Span]
) -> list[Span]:
    """A stand-in's places (all but the first are taken out), or the first that says the word."""
    if fact.stand_in:
        places = [found.span() for found in alone(fact.stand_in).finditer(said)]
    else:
        places = [
            found.span()
            for found in re.finditer(re.escape(fact.wanted), said, re.IGNORECASE)
            if not any(span.start < found.end() and found.start() < span.end for span in spans)
        ][:1]
    found = [
        Span(start, end, "" if at else _like(fact, said[start:end]))
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


def _instead(fact: Fact, said: Number, language: str) -> Span:
    """The fact in place of another number, without the letters that grew on that."""
    text = instead(fact.number, said, language)
    if said.text.endswith(" Uhr") and not text.endswith(" Uhr"):
        return Span(said.start, said.end, text + " Uhr")
    start, end = (said.start, said.end) if fact.number.clock() else _digits_of(said)
    glued = said.whole[start - 1 : start].isalnum()
    return Span(start, end, f" {text}" if glued else text)


def _in_words(fact: Fact, said: str, language: str, claimed: Sequence[Span]) -> Span | None:
    """Where the translation says the number in words, it says it in figures then."""
    for pattern in filter(None, _patterns(fact.number, language)):
        places = [
            found
            for found in re.finditer(rf"(?<![\w-])(?:{pattern})(?![\w-])", said, re.IGNORECASE)
            if not any(s.start < found.end() and found.start() < s.end for s in claimed)
        ]
        if places and (len(places) == 1 or fact.number.text != "1"):
            text = localised(fact.number, language)
            if said[places[0].end() :].startswith("."):
                text = text.removesuffix(".")
            is_hour = language == "de" and fact.number.clock() and not text.endswith("Uhr")
            return Span(*places[0].span(), text + " Uhr" * bool(is_hour))
    return None


def _patterns(number: Number, language: str) -> list[str]:
    if clock := number.clock():
        hour, minute, half = clock
        day = day_hour(hour, half)
        hours = [clock_pattern(day, minute, language), clock_pattern(hour, minute, language)]
        return [*hours, number_pattern(hour, language)] if not minute else hours
    found = sorted(each[0] for each in written(number) if len(each) == 1 and each[0].isdigit())
    return [number_pattern(int(each), language) for each in found if len(each) < 5]


def _taken_out(number: Number, sentence: str, language: str) -> Span:
    """A number that is no figure in the source: a word, if the source says it in one."""
    runs = number.runs
    value = int(runs[0]) if len(runs) == 1 and len(runs[0]) < 5 else -1
    if number.text.isdigit() and value in said_in(sentence, "en"):
        return Span(number.start, number.end, word_of(value, language))
    start, end = (number.start, number.end) if number.clock() else _digits_of(number)
    if number.whole[end : end + 1] == "-":
        end += 1
    elif number.whole[start - 1 : start].isspace() and not number.whole[end : end + 1].isalnum():
        start -= 1
    return Span(start, end, "")


def _digits_of(number: Number) -> tuple[int, int]:
    """Without letters that grew on it."""
    if not any(letter.isalpha() for letter in number.text):
        return number.start, number.end
    digits = [found.start() for found in _DIGITS.finditer(number.text)]
    return number.start + digits[0], number.start + digits[-1] + 1
