"""Written English to spoken words, each with the mark behind it and its case."""

import lzma
import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from workers.core.marks import Case, Mark

NUMBER = "0"
"""Stands for whatever holds a digit, or would once numbers are written as digits."""

SPELT_NUMBERS = frozenset(
    "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty thirty "
    "forty fifty sixty seventy eighty ninety".split()
)
GOING_ON = frozenset(
    "one two three four five six seven eight nine hundred thousand million percent".split()
)
"""What joins a number before it."""

ABBREVIATIONS = {
    "mr": "mister",
    "mrs": "missus",
    "dr": "doctor",
    "st": "saint",
    "capt": "captain",
    "col": "colonel",
    "rev": "reverend",
    "gen": "general",
    "prof": "professor",
}
CLIPPED = frozenset("'tis 'twas 'em 'twere 'twill 'twould 'cause".split())
MODERN = ("europarl20k", "newscomm5k", "mlqe_pe_wiki", "wmt07_europarl", "wmt07_newscomm")
PLAIN = str.maketrans(
    {
        **dict.fromkeys("’‘´`ʼ", "'"),
        **dict.fromkeys('“”"()[]{}*_\ufeff\u00ad', " "),
        **dict.fromkeys("—–", ";"),
        "…": "...",
    }
)
DASH = re.compile(r"--+|(?<=\s)-+(?=\s)")
TOKEN = re.compile(
    r"""\d(?:[\d.,:/]*\d)?(?:st|nd|rd|th|s)?%?    # 1,500 or 30th
    | '?[^\W\d_](?:[^\W\d_]|')*                  # a word
    | \.+ | [,;:?!]
    """,
    re.VERBOSE,
)


class Token(NamedTuple):
    """A spoken word in lower case, how it was written, and the mark behind it."""

    word: str
    written: str
    mark: Mark
    case: Case


def tokens_of(text: str) -> list[Token]:
    """The words of a paragraph; none where it does not end as a sentence does."""
    found: list[tuple[str, set[str]]] = []
    for piece in TOKEN.findall(DASH.sub(";", text.translate(PLAIN))):
        if piece[0] in ".,;:?!":
            if found:
                found[-1][1].add(piece[0])
        elif word := _bare(piece):
            found.append((word, set()))
    if not found or not found[-1][1] & set(".?!:") or _is_heading(word for word, _ in found):
        return []
    return list(_joined(_token(*found[i], _next(found, i)) for i in range(len(found))))


def _next(found: list[tuple[str, set[str]]], index: int) -> str:
    return found[index + 1][0] if index + 1 < len(found) else ""


def _joined(tokens: Iterable[Token]) -> Iterator[Token]:
    """Words of one number as one."""
    number: Token | None = None
    for token in tokens:
        part = token.word == NUMBER or token.word in GOING_ON
        if number is not None and number.mark == Mark.NONE and part:
            number = number._replace(mark=token.mark)
            continue
        if number is not None:
            yield number
        number = token if token.word == NUMBER else None
        if number is None:
            yield token
    if number is not None:
        yield number


def _bare(piece: str) -> str:
    """A word without the quotation marks around it; clipped words keep their apostrophe."""
    piece = piece.rstrip("'")
    return piece if piece.lower() in CLIPPED else piece.lstrip("'")


def _is_heading(words: Iterable[str]) -> bool:
    return all(word.isupper() or not word.isalpha() for word in words)


def _token(written: str, signs: set[str], following: str) -> Token:
    if not written.isascii():
        parts = unicodedata.normalize("NFKD", written)
        written = "".join(c for c in parts if not unicodedata.combining(c))
    word = written.lower()
    if any(map(str.isdigit, word)) or word in SPELT_NUMBERS:
        return Token(NUMBER, written, _mark(signs, following), Case.LOWER)
    abbreviated = word in ABBREVIATIONS and written[0].isupper()
    initial = len(word) == 1 and written.isupper() and word not in "ai"
    if abbreviated or initial:
        signs = signs - {"."}
    return Token(ABBREVIATIONS.get(word, word), written, _mark(signs, following), _case(written))


def _mark(signs: set[str], following: str) -> Mark:
    """The strongest of the signs; what goes on in lower case has not ended."""
    goes_on = following[:1].islower()
    if "?" in signs:
        return Mark.QUESTION
    if "!" in signs:
        return Mark.COMMA if goes_on else Mark.STOP
    if "." in signs and not goes_on:
        return Mark.STOP
    if signs & {",", ";"} or ":" in signs:
        return Mark.COMMA if following else Mark.STOP
    return Mark.NONE


def _case(written: str) -> Case:
    if len(written.strip("'")) > 1 and written.isupper() and "'" not in written:
        return Case.UPPER
    return Case.CAPITAL if written.lstrip("'")[:1].isupper() else Case.LOWER


def read_novels(path: Path) -> Iterator[str]:
    """Paragraphs, in order."""
    with lzma.open(path, "rt", encoding="utf-8") as file:
        yield from file


def read_sentences(folder: Path, sources: Iterable[str]) -> list[str]:
    """English sentences of the translation pairs, each once, in order."""
    wanted, found = set(sources), dict[str, None]()
    for language in ("de", "fr", "es"):
        with lzma.open(folder / f"train.en-{language}.tsv.xz", "rt", encoding="utf-8") as file:
            for line in file:
                english, _, source = line.rstrip("\n").split("\t")
                if source in wanted:
                    found[english] = None
    return list(found)
