"""Which spoken numbers are written as digits, and how: only where they can mean one thing.

Below ten they stay words, but for amounts, percentages, clock times and dates. Numbers side by side
are joined into a year, a time or a string of digits; other neighbours stay as they were spoken.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

MONTHS = frozenset(
    "january february march april may june july august september october november december".split()
)
UNITS = frozenset("one two three four five six seven eight nine".split())
DIGITS = UNITS | {"zero", "o", "oh", "nought"}
YEAR_BEFORE = frozenset("in since year circa".split())
CLOCK_BEFORE = frozenset("at by until till".split())
JOINING = frozenset("or and to by".split())
SCALES = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"))
BARE_SCALES = frozenset("hundred thousand million billion trillion".split())
TENTHS = frozenset("hundredth thousandth millionth billionth".split())
SIGNS = {"dollar": "$", "dollars": "$", "euro": "€", "euros": "€"}
MEASURES = frozenset(
    "percent per miles kilometers kilometres feet metres meters pounds cents degrees".split()
) | set(SIGNS)
HALF_DAYS = {("a", "m"): "a.m.", ("p", "m"): "p.m.", ("am",): "a.m.", ("pm",): "p.m."}
TENS = "twenties thirties forties fifties sixties seventies eighties nineties".split()
DECADES = dict(zip(TENS, range(20, 100, 10), strict=True))


class Number(NamedTuple):
    """Words [start, end) are a number: its digits as found (`03`, `2.5`, `21st`), and its value."""

    start: int
    end: int
    digits: str
    value: float
    ordinal: bool

    @property
    def whole(self) -> int:
        """-1 where it is an ordinal, a decimal, or starts with a nought."""
        plain = self.digits.isdecimal() and not (self.digits[0] == "0" and len(self.digits) > 1)
        return int(self.digits) if plain and not self.ordinal else -1

    @property
    def countable(self) -> bool:
        """Dollars or percent may follow."""
        return not self.ordinal and (self.whole >= 0 or "." in self.digits)


class Written(NamedTuple):
    """Words [start, end) are written as `text`."""

    start: int
    end: int
    text: str


def write_run(run: Sequence[Number], spoken: Sequence[str]) -> Written | None:
    """How numbers side by side are written; None: as they were spoken."""
    start = run[0].start
    before = spoken[start - 1] if start else ""
    if before in MONTHS and (date := _date(run, spoken)):
        return date
    if len(run) == 1:
        return _ordinal(run[0], before, spoken) if run[0].ordinal else _cardinal(run[0], spoken)
    if len(run) == 2 and (pair := _pair(run[0], run[1], before, spoken)):
        return pair
    return _one_by_one(run, spoken)


def _ordinal(number: Number, before: str, spoken: Sequence[str]) -> Written | None:
    """From 10th on, and a date's; fractions (a tenth, hundredths) stay."""
    start, end = number.start, number.end
    after = spoken[end : end + 2]
    dated = len(after) == 2 and after[0] == "of" and after[1] in MONTHS and number.value <= 31
    fraction = number.digits.endswith("s") or before in ("a", "an", "per")
    scale = end - start == 1 and spoken[start] in TENTHS
    if fraction or scale or (number.value < 10 and not dated):
        return None
    return Written(start, end, number.digits)


def _cardinal(number: Number, spoken: Sequence[str]) -> Written | None:
    start, end = number.start, number.end
    after = tuple(spoken[end : end + 2])
    if number.countable and after[:1] and after[0] in SIGNS:
        return Written(_with_article(number, spoken), end + 1, SIGNS[after[0]] + figures(number))
    if number.countable and (after[:1] == ("percent",) or after == ("per", "cent")):
        return Written(start, end + (2 if after[0] == "per" else 1), figures(number) + "%")
    if number.whole in range(16, 21) and after[:1] and after[0] in DECADES:
        return Written(start, end + 1, f"{number.whole}{DECADES[after[0]]}s")
    if number.whole in range(1, 13) and (half := _half_day(after)):
        return Written(start, end + half[0], f"{number.whole} {half[1]}")
    if _stays(number, spoken):
        return None
    return Written(_with_article(number, spoken), end, figures(number))


def _stays(number: Number, spoken: Sequence[str]) -> bool:
    """Small numbers, bare scales, halves, clocks, and alternatives of which one is small."""
    start, end = number.start, number.end
    before, after = spoken[max(0, start - 2) : start], spoken[end : end + 2]
    if "." in number.digits:
        return False
    if number.whole < 10 or (end - start == 1 and spoken[start] in BARE_SCALES):
        return True
    if before[-1:] and before[-1] in ("point", "minus", "past", "half"):
        return True
    if (after[:1] and after[0] in ("past", "o'clock", "point")) or after == ["and", "a"]:
        return True
    return number.whole < 100 and (_small_beside(before[::-1]) or _small_beside(after))


def _small_beside(words: Sequence[str]) -> bool:
    """`or nine`, away from the number."""
    return len(words) == 2 and words[0] in JOINING and words[1] in UNITS


def _with_article(number: Number, spoken: Sequence[str]) -> int:
    """Where a number starts: `a hundred and one` with its article."""
    start = number.start
    scaled = start > 0 and spoken[start - 1] == "a" and spoken[start] in BARE_SCALES
    return start - 1 if scaled else start


def _pair(first: Number, second: Number, before: str, spoken: Sequence[str]) -> Written | None:
    """A time, a year, or millions with a decimal."""
    start, end = first.start, second.end
    after = tuple(spoken[end : end + 2])
    if second.end - second.start == 1 and spoken[second.start] in ("million", "billion"):
        return _millions(first, second, after)
    rest = _two_digits(second)
    if rest is None or (after[:1] and after[0] in MEASURES):
        return None
    half = _half_day(after)
    if first.whole in range(1, 13) and rest < 60 and (half or before in CLOCK_BEFORE):
        words, tail = half or (0, "")
        return Written(start, end + words, f"{first.whole}:{rest:02} {tail}".rstrip())
    return Written(start, end, f"{first.whole}{rest:02}") if _is_year(first, rest, before) else None


def _millions(first: Number, second: Number, after: Sequence[str]) -> Written | None:
    if "." not in first.digits:
        return None
    scale = "million" if second.value == 10**6 else "billion"
    text, sign = f"{first.digits} {scale}", SIGNS.get(after[0], "") if after else ""
    return Written(first.start, second.end + bool(sign), sign + text)


def _is_year(century: Number, rest: int, before: str) -> bool:
    """Eighteen nineteen may be counting; twelve fifteen may be a time."""
    sure = century.whole in range(17, 21) and rest != century.whole + 1
    return sure or (century.whole in range(11, 21) and before in YEAR_BEFORE)


def _two_digits(number: Number) -> int | None:
    """Ten to ninety-nine, or `oh five`."""
    two = number.digits.isdecimal() and len(number.digits) == 2
    return int(number.digits) if two else None


def _half_day(after: Sequence[str]) -> tuple[int, str] | None:
    """How many words a.m. or p.m. took, and how it is written."""
    for said, written in HALF_DAYS.items():
        if tuple(after[: len(said)]) == said:
            return len(said), written
    return None


def _date(run: Sequence[Number], spoken: Sequence[str]) -> Written | None:
    """The day behind a month, with a year or alone; `may` and `march` do other things too."""
    day, *rest = run
    if not (day.ordinal or day.whole > 0) or day.value > 31 or day.digits.endswith("s"):
        return None
    if not rest:
        doubtful = spoken[day.start - 1] in ("may", "march") and day.value < 10
        return None if doubtful else Written(day.start, day.end, day.digits)
    year = _year(rest)
    return Written(day.start, rest[-1].end, f"{day.digits}, {year}") if year else None


def _year(run: Sequence[Number]) -> str | None:
    if len(run) == 1 and run[0].whole in range(1000, 2100):
        return run[0].digits
    if len(run) == 2 and run[0].whole in range(11, 21):
        rest = _two_digits(run[1])
        return None if rest is None else f"{run[0].whole}{rest:02}"
    return None


def _one_by_one(run: Sequence[Number], spoken: Sequence[str]) -> Written | None:
    """Four digits and more, as of a telephone; counting stays."""
    start, end = run[0].start, run[-1].end
    digits = "".join(number.digits for number in run)
    if end - start < 4 or len(digits) != end - start or not DIGITS.issuperset(spoken[start:end]):
        return None
    steps = {int(b) - int(a) for a, b in pairwise(digits)}
    return None if steps <= {1} or steps <= {-1} else Written(start, end, digits)


def figures(number: Number) -> str:
    """15, 1200, 25,000, 3 million, 2.5."""
    if not number.digits.isdecimal():
        return number.digits
    for scale, name in SCALES:
        if number.whole >= scale and number.whole % (scale // 10) == 0:
            return f"{number.whole / scale:g} {name}"
    return f"{number.whole:,}" if number.whole >= 10_000 else number.digits
