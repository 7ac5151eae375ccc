"""Written English to the recogniser's alphabet: A to Z, apostrophe and single spaces."""

import re
import unicodedata
from collections.abc import Iterable, Iterator

ONES = (
    "ZERO ONE TWO THREE FOUR FIVE SIX SEVEN EIGHT NINE TEN ELEVEN TWELVE THIRTEEN FOURTEEN "
    "FIFTEEN SIXTEEN SEVENTEEN EIGHTEEN NINETEEN"
).split()
TENS = "TWENTY THIRTY FORTY FIFTY SIXTY SEVENTY EIGHTY NINETY".split()
ORDINALS = {
    "ONE": "FIRST",
    "TWO": "SECOND",
    "THREE": "THIRD",
    "FIVE": "FIFTH",
    "EIGHT": "EIGHTH",
    "NINE": "NINTH",
    "TWELVE": "TWELFTH",
}
ABBREVIATIONS = {
    "MR": "MISTER",
    "MRS": "MISSUS",
    "DR": "DOCTOR",
    "ST": "SAINT",
    "ESQ": "ESQUIRE",
    "ETC": "ET CETERA",
    "CAPT": "CAPTAIN",
    "COL": "COLONEL",
    "REV": "REVEREND",
    "LIEUT": "LIEUTENANT",
    "GEN": "GENERAL",
    "SERGT": "SERGEANT",
    "PROF": "PROFESSOR",
    "HON": "HONOURABLE",
}
_LOOKALIKES = str.maketrans(
    {
        **dict.fromkeys("’‘´`ʼ", "'"),
        **dict.fromkeys("“”", '"'),
        **dict.fromkeys("—–―-_£\ufeff", " "),
        "\u00ad": "",
        "æ": "ae",
        "Æ": "AE",
        "œ": "oe",
        "Œ": "OE",
    }
)
_NUMBER = re.compile(r"(\d{1,3}(?:,\d{3})+|\d+)(ST|ND|RD|TH)?(?![A-Z\d])")
_ABBREVIATION = re.compile(
    r"(?<![A-Z'])(?:(" + "|".join(ABBREVIATIONS) + r")\.|(MR|MRS|DR)(?![A-Z.']))"
)
_FOREIGN = re.compile(r"[^A-Z' ]+")
_QUOTE = re.compile(r"(?<![A-Z])'+|'+(?![A-Z])|''+")
_CLIPPED = re.compile(
    r"(?<![A-Z'])'(TIS|TWAS|EM|TWERE|TWILL|TWOULD|CAUSE|TISN'T|BOUT|ROUND|TIL|GAINST|NEATH)"
    r"(?![A-Z])"
)
_INITIAL = re.compile(r"(?<![A-Z'])([A-Z])\.(?=\s)")
_SENTENCE_END = re.compile(r"[.!?]+[\"')\]]*(?=\s|$)|[.!?]+[\"']")


class Secret:
    """Transcripts that no language model may have read: neither whole nor `run` words in a row."""

    def __init__(self, transcripts: Iterable[str], run: int = 8) -> None:
        self._whole = set(transcripts)
        self._run = run
        self._runs = {part for text in self._whole for part in self._parts(text)}

    def holds(self, sentence: str) -> bool:
        return sentence in self._whole or not self._runs.isdisjoint(self._parts(sentence))

    def _parts(self, text: str) -> Iterator[tuple[str, ...]]:
        words = text.split()
        return (tuple(words[at : at + self._run]) for at in range(len(words) - self._run + 1))


def spell_number(value: int) -> str:
    """English words of 0 <= value < 10^9."""
    if value < 20:
        return ONES[value]
    if value < 100:
        tens, ones = divmod(value, 10)
        return TENS[tens - 2] + (f" {ONES[ones]}" if ones else "")
    for unit, name, joint in (
        (10**6, "MILLION", " "),
        (1000, "THOUSAND", " "),
        (100, "HUNDRED", " AND "),
    ):
        if value >= unit:
            head, rest = divmod(value, unit)
            return f"{spell_number(head)} {name}" + (joint + spell_number(rest) if rest else "")
    raise AssertionError(value)


def spell_year(value: int) -> str:
    """As years from 1100 to 1999 are read: 1805 is EIGHTEEN O FIVE."""
    century, rest = divmod(value, 100)
    if rest == 0:
        return f"{spell_number(century)} HUNDRED"
    return f"{spell_number(century)} {'O ' if rest < 10 else ''}{spell_number(rest)}"


def spell_ordinal(value: int) -> str:
    *head, last = spell_number(value).split()
    regular = last[:-1] + "IETH" if last.endswith("Y") else last + "TH"
    return " ".join([*head, ORDINALS.get(last, regular)])


def normalise(text: str) -> str:
    """The words of `text` in upper case, numbers and abbreviations spelt out."""
    return _words(_spelt(text))


def sentences(text: str) -> Iterator[str]:
    """Normalised sentences of running prose; initials do not end a sentence."""
    for piece in _SENTENCE_END.split(_INITIAL.sub(r"\1 ", _spelt(text))):
        if words := _words(piece):
            yield words


def _spelt(text: str) -> str:
    text = text.translate(_LOOKALIKES)
    if not text.isascii():
        parts = unicodedata.normalize("NFKD", text)
        text = "".join(c for c in parts if not unicodedata.combining(c))
    text = _ABBREVIATION.sub(lambda m: ABBREVIATIONS[m[1] or m[2]], text.upper())
    text = text.replace("&", " AND ")
    return re.sub(r"\d", " ", _NUMBER.sub(_spelt_number, text))


def _spelt_number(match: re.Match[str]) -> str:
    digits = match[1].replace(",", "")
    if len(digits) > 7:
        return " "
    value = int(digits)
    if match[2]:
        return f" {spell_ordinal(value)} "
    if len(digits) > 1 and digits[0] == "0":
        return " " + " ".join(ONES[int(c)] for c in digits) + " "
    if "," not in match[1] and 1100 <= value <= 1999:
        return f" {spell_year(value)} "
    return f" {spell_number(value)} "


def _words(text: str) -> str:
    text = _FOREIGN.sub(" ", text)
    if "'" in text:
        text = _CLIPPED.sub(lambda m: "\x00" + m[1], text)
        text = _QUOTE.sub(" ", text).replace("\x00", "'")
    return " ".join(text.split())
