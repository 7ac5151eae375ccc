"""Numbers and times of day in words: how German, French, Spanish and English say them."""

from __future__ import annotations

import re

_WORDS = {
    "de": """null|ein|zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|elf|zwölf|dreizehn|vierzehn
        |fünfzehn|sechzehn|siebzehn|achtzehn|neunzehn|zwanzig|dreißig|vierzig|fünfzig|sechzig
        |siebzig|achtzig|neunzig|hundert|tausend""",
    "fr": """zéro|un|deux|trois|quatre|cinq|six|sept|huit|neuf|dix|onze|douze|treize|quatorze
        |quinze|seize|dix-sept|dix-huit|dix-neuf|vingt|trente|quarante|cinquante|soixante
        |soixante-dix|quatre-vingts|quatre-vingt-dix|cent|mille""",
    "es": """cero|un|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|once|doce|trece|catorce
        |quince|dieciséis|diecisiete|dieciocho|diecinueve|veinte|treinta|cuarenta|cincuenta
        |sesenta|setenta|ochenta|noventa|cien|mil""",
    "en": """zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen
        |fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy
        |eighty|ninety|hundred|thousand""",
}
_VALUES: tuple[int, ...] = (*range(21), *range(30, 100, 10), 100, 1000)
_ONE = {"de": "ein(?:s|e[mnrs]?)?", "fr": "une?", "es": "un[ao]?"}
_WORD_OF: dict[str, dict[int, str]] = {
    language: dict(zip(_VALUES, "".join(words.split()).split("|"), strict=True))
    for language, words in _WORDS.items()
}
_CLOCKS: dict[str, dict[int, str]] = {
    "de": {
        0: "{now} Uhr|{number} Uhr",
        15: "viertel nach {now}",
        30: "halb {next}",
        45: "viertel vor {next}",
    },
    "fr": {
        0: "{now} heures?|{number} (?:heures?|h)|{noon}",
        15: "(?:{now}|{number}) heures? et quart",
        30: "(?:{now}|{number}) heures?(?: et demie| trente|\\s?[.:]?30)",
        45: "{next} heures? moins (?:le|un) quart",
    },
    "es": {
        0: "{now}(?: horas)?(?: en punto)?|{number} horas",
        15: "{now} y cuarto",
        30: "{now} y media",
        45: "{next} menos cuarto",
    },
}


def word_of(value: int, language: str) -> str:
    """Empty where the number has no word of its own, or the language is not known here."""
    return _WORD_OF.get(language, {}).get(value, "")


def number_pattern(value: int, language: str) -> str:
    """A regular expression of all ways to say it, empty as above."""
    if value == 1:
        return _ONE.get(language, "")
    return re.escape(word_of(value, language))


def clock_pattern(hour: int, minute: int, language: str) -> str:
    """Of a time in words, on a clock of twelve hours; empty where it has none."""
    shape = _CLOCKS.get(language, {}).get(minute, "")
    now = number_pattern(hour % 12 or 12, language)
    then = number_pattern(hour % 12 + 1, language)
    noon = {0: "minuit", 12: "midi"}.get(hour, "(?!)")
    return shape.format(now=now, next=then, noon=noon, number=hour)


def said_in(text: str, language: str) -> set[int]:
    """The numbers that a text says in words."""
    words = set(re.findall(r"\w+", text.casefold()))
    return {value for value, word in _WORD_OF[language].items() if word in words}
