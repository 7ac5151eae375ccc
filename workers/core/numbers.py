"""Numbers of a text as values, and how each language writes them.

An English number becomes "1.234,5" in German and Spanish and "1 234,5" in French; times keep their
digits, but an afternoon's become those of a day of 24 hours where that is usual.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_CORE = r"\w*\d\w*(?:[.,:'’/\u00a0\u202f-]\w*\d\w*)*"
_PHONE = r"\+\d{1,3}(?:[ -]\(?\d{2,8}\)?){1,5}(?!\w)|(?<!\w)\d{2,5}(?:[ /-]\d{2,8}){2,5}(?!\w)"
_HOURS = r"(?<!\w)\d{1,2}\s(?:h|heures?|Uhr|horas)\b(?:[\s:]{0,2}\d\d(?!\d))?"
NUMBER = (
    rf"(?:(?<!\w)[+\-−])?[$€£¥]?(?:{_PHONE}|{_HOURS}|{_CORE})"
    r"(?:(?:\s?[ap]\.?|\.)m\b\.?|\s?o['’]clock\b)?(?:\s?[%‰€$£¥]|\s?°(?:\s?[CF]\b)?)?"
)
_CLOCK = re.compile(
    r"(?P<hour>\d{1,2})(?:[:.](?P<minute>[0-5]\d))?"
    r"(?:\s?(?P<half>[ap])\.?m\.?|(?P<even>\s?o['’]clock))?",
    re.IGNORECASE,
)
_PLAIN = re.compile(
    r"[^\w]*(?P<value>(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)(?:\s?[^\W\d]{1,3})?[^\w]*"
)
_VERSION = re.compile(r"\d+(?:\.\d+){2,}")
_ORDINAL = re.compile(r"(?P<value>\d+)(?:st|nd|rd|th)", re.IGNORECASE)
_BEFORE_CLOCK = re.compile(r"\b(?:at|until|till|by|before|after|from|since)\s$", re.IGNORECASE)
_BEFORE_VERSION = re.compile(
    r"\b(?:version|v|release|chapter|section|python)\.?\s?$", re.IGNORECASE
)
_MONTH = (
    r"(?:january|february|march|april|may|june|july|august|september|october|november|december)"
)
_SYMBOLS = re.compile(r"[$€£¥%‰°]|(?<!\w)[+−-](?=\d)")
_WORDS_FOR = {
    "$": r"dollar|dólar|\bUSD",
    "€": r"euro|\bEUR",
    "£": r"pfund|livre|libra|\bGBP",
    "¥": r"\byen|\bJPY",
    "%": r"prozent|pour.?cent|por ciento",
    "°": r"grad|degré|grado",
}
_AFTERNOON = re.compile(
    r"[ap]\.?\s?m\b|abend|nachmittag|morgen|früh|soir|après-midi|matin|tarde|noche|mañana",
    re.IGNORECASE,
)
_GROWN = re.compile(r"\d[^\W\dh]", re.IGNORECASE)
"""A letter grown on a digit, where no language writes a time so."""
_GROUP = {"de": ".", "es": ".", "fr": "\u202f"}
_NEAR = 24
"""Code points behind a number in which its unit may stand as a word."""


class Number(NamedTuple):
    """As it stands in a text: `text` is `whole[start:end]`."""

    whole: str
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.whole[self.start : self.end]

    @property
    def runs(self) -> tuple[str, ...]:
        """The runs of digits."""
        return tuple(re.findall(r"\d+", self.text))

    @property
    def behind(self) -> str:
        return self.whole[self.end : self.end + _NEAR]

    def clock(self) -> tuple[int, int, str] | None:
        """Hour, minute and "a", "p" or "", of English text; None for what is no time of day."""
        found = _CLOCK.fullmatch(self.text)
        if not found or int(found["hour"]) > 24:
            return None
        is_told = found["half"] or found["even"] or ":" in self.text
        if not is_told and not (found["minute"] and _BEFORE_CLOCK.search(self.whole[: self.start])):
            return None
        return int(found["hour"]), int(found["minute"] or 0), (found["half"] or "").lower()


def numbers(text: str) -> list[Number]:
    """All of them: no digit of the text is outside."""
    return [Number(text, *found.span()) for found in re.finditer(NUMBER, text, re.IGNORECASE)]


def day_hour(hour: int, half: str) -> int:
    """On a clock of 24 hours."""
    return hour % 12 + (12 if half == "p" else 0) if half else hour


def values(number: Number) -> set[tuple[str, ...]]:
    """Each way to write the value of an English number, as runs of digits."""
    found = written(number)
    if clock := number.clock():
        hour, minute, half = clock
        for each in (hour, day_hour(hour, half)):
            found.add((str(each), f"{minute:02}"))
            found |= {(str(each),)} if not minute else set()
    return found


def written(number: Number) -> set[tuple[str, ...]]:
    """The value as runs of digits, in a text of any language: thousands may be set apart."""
    first, *rest = number.runs
    short = first.lstrip("0") or "0"
    found = {number.runs, (short if len(first) == 2 else first, *rest)}
    while rest and len(rest[0]) == 3 and len(first) < 10:
        first += rest.pop(0)
        found.add((first, *rest))
    return found


def localised(number: Number, language: str) -> str:
    """An English number as the language writes it."""
    if language not in _GROUP or (_is_name(number) and not number.clock()):
        return number.text
    if clock := number.clock():
        return _clock(number, *clock, language)
    if ordinal := _ORDINAL.fullmatch(number.text):
        return _ordinal(number, ordinal["value"], language)
    return _separated(number, number.text, language)


def in_place(number: Number, said: Number, language: str) -> str:
    """`number` where the translation says `said`, of the same value: as it is said, if the language
    writes it so.
    """
    if clock := number.clock():
        return _clock_in_place(number, said, clock, language)
    if _is_name(number) and language in _GROUP:
        return number.text
    mine, there = _symbols(number), set(_SYMBOLS.findall(said.text))
    if said.runs != number.runs or mine - there - _in_words(said) or _ORDINAL.fullmatch(said.text):
        return instead(number, said, language)
    return _separated(number, _without(said.text, there - mine), language)


def instead(number: Number, said: Number, language: str) -> str:
    """`number` where the translation says `said`, which is another: no unit is said twice."""
    text = localised(number, language)
    if said.behind.startswith((".", " Uhr")):
        text = text.removesuffix(" Uhr").removesuffix(".")
    return _without(text, _symbols(number) & _in_words(said))


def _symbols(number: Number) -> set[str]:
    return set(_SYMBOLS.findall(number.text))


def _in_words(said: Number) -> set[str]:
    """Symbols for which a word stands behind the number."""
    return {
        sign for sign, words in _WORDS_FOR.items() if re.search(words, said.behind, re.IGNORECASE)
    }


def _is_name(number: Number) -> bool:
    """Of a version, a flight, a square of a board: not to be touched."""
    is_plain = _PLAIN.fullmatch(number.text) or _ORDINAL.fullmatch(number.text)
    has_letters = any(letter.isalpha() for letter in number.text) and not is_plain
    is_version = _VERSION.fullmatch(number.text) or _BEFORE_VERSION.search(
        number.whole[: number.start]
    )
    return bool(has_letters or is_version)


def _clock_in_place(
    number: Number, said: Number, clock: tuple[int, int, str], language: str
) -> str:
    wanted = localised(number, language)
    hour, _, half = clock
    day = day_hour(hour, half)
    is_foreign = "Uhr" in said.text and language != "de"
    if half == "p" and day != hour and said.runs[0] == str(day) and not is_foreign:
        return said.text
    is_told = half != "p" or day == hour or _AFTERNOON.search(said.text + said.behind)
    is_right = is_told and said.runs == number.runs and not is_foreign
    return (
        said.text if is_right and not _GROWN.search(said.text) else _before(wanted, said, language)
    )


def _before(text: str, said: Number, language: str) -> str:
    """Hours are not named twice, nor does a text end in two stops."""
    if said.behind.startswith("."):
        return text.removesuffix(".")
    hours = re.search(r"\s(?:Uhr)\b", said.text)
    if hours and language == "de" and not text.endswith("Uhr"):
        return text + hours.group()
    return text.removesuffix(" Uhr") if said.behind.startswith(" Uhr") else text


def _clock(number: Number, hour: int, minute: int, half: str, language: str) -> str:
    if not half:
        is_even = "clock" in number.text.lower()
        word = {"de": " Uhr", "fr": " heures"}.get(language, "") if is_even else ""
        return f"{hour}{word}" if is_even else number.text
    told = ":" in number.text or "." in number.text[:3]
    if language == "es":
        return f"{hour}:{minute:02} {half}.m." if told else f"{hour} {half}.m."
    day = day_hour(hour, half)
    if language == "fr":
        return f"{day}h{minute:02}" if told else f"{day} heures"
    return f"{day}:{minute:02}" if told else f"{day} Uhr"


def _ordinal(number: Number, value: str, language: str) -> str:
    if language == "de":
        return f"{value}."
    before = re.search(rf"{_MONTH}\s$", number.whole[: number.start], re.IGNORECASE)
    if before or re.match(rf"\s(?:of\s)?{_MONTH}", number.behind, re.IGNORECASE):
        return value
    return f"{value}.º" if language == "es" else value + ("er" if value == "1" else "e")


def _separated(number: Number, text: str, language: str) -> str:
    """The text with the separators of the number as the language has them."""
    plain = _PLAIN.fullmatch(number.text)
    if language not in _GROUP or _is_name(number) or not plain:
        return text
    value = plain["value"].replace(".", "\0").replace(",", _GROUP[language]).replace("\0", ",")
    return re.sub(r"\d(?:[\d.,'’\u00a0\u202f]*\d)?", lambda _: value, text, count=1)


def _without(text: str, symbols: set[str]) -> str:
    for each in symbols:
        text = text.replace(each, "")
    return text.strip() if symbols else text
