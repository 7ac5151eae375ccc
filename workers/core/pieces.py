"""A text in pieces: sentences to translate, and what must come out as it went in.

Line breaks, spaces and emoji never reach a model, so none can be lost. Addresses, handles, numbers
and the glossary's words do (mending.py), as a sentence without them reads badly; only where they do
not come back, the sentence is cut at them, too (`cut_at`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

LIMIT = 400
"""Most code points of a piece to translate; a longer sentence is cut at its last pause before."""

_EMOJI = (
    "[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\u2190-\u21ff]"
    "[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\u200d\ufe0f\u20e3\U000e0020-\U000e007f]*"
)
ADDRESS = (
    r"(?:https?://|www\.)[^\s<>\"]*[^\s<>\".,;:!?'’)\]]"
    r"|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    r"|(?<!\w)[@#]\w[\w.-]*\w"
    r"|[a-zA-Z]:\\[^\s]+|(?<![\w/])/(?:[\w.-]+/)+[\w.-]*"
)
MOST_ADDRESS = 100
"""A longer address is no part of a sentence."""
_ADDRESS = re.compile(ADDRESS)
_COPIES = re.compile(rf"(?P<address>{ADDRESS})|{_EMOJI}|[^\S\n\r]*[\n\r]+[^\S\n\r]*")
_STOP = re.compile(r"(?:[.!?…]+[\"'”’»)\]]*|[。！？]+)(?P<gap>\s+)(?=[^\s\W]|[\"'“‘„«¿¡(\[@#])")
_PAUSE = re.compile(r"[,;:–—]\s|\s")
_NUMBER = re.compile(r"\d+")
_SHORT = frozenset(
    """mr mrs ms dr prof st jr sr vs etc fig no vol art approx e.g i.e cf gen col capt lt sgt rev
    hon jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun z.b bzw ca nr
    str usw d.h u.a sog evtl m mme mlle av p.ex sra sra ud uds ej pág dra""".split()
)


class Piece(NamedTuple):
    """Part of a text; a `copy` comes out as it is."""

    text: str
    copy: bool


def cut(text: str, limit: int = LIMIT) -> list[Piece]:
    """Pieces that make the text when joined; sentences have no space at either end."""
    pieces: list[Piece] = []
    at = 0
    for found in _COPIES.finditer(text):
        if found["address"] and _is_word(text, *found.span()):
            continue
        pieces += _sentences(text[at : found.start()], limit)
        pieces.append(Piece(found.group(), copy=True))
        at = found.end()
    return [*pieces, *_sentences(text[at:], limit)]


def cut_at(sentence: str, spans: Sequence[tuple[int, int, str]]) -> list[Piece]:
    """A sentence cut at spans (start, end) of it, in order, in whose place stands a copy."""
    pieces: list[Piece] = []
    at = 0
    for start, end, copy in spans:
        pieces += _sentences(sentence[at:start], len(sentence))
        pieces.append(Piece(copy, copy=True))
        at = end
    return [*pieces, *_sentences(sentence[at:], len(sentence))]


def without_numbers(text: str) -> str:
    """For the translation of a piece that has none: nothing is invented."""
    return " ".join(_NUMBER.sub("", text).split()) if _NUMBER.search(text) else text


def spelled_phrase(phrase: str) -> str:
    """A regular expression of the phrase as words of its own."""
    return rf"(?<!\w){re.escape(phrase)}(?!\w)"


def _is_word(text: str, start: int, end: int) -> bool:
    """Whether an address stands in a sentence as a word would: behind a space or a bracket."""
    before = text[:start].removesuffix("(")[-1:]
    return end - start <= MOST_ADDRESS and (not before or before.isspace())


def _sentences(text: str, limit: int) -> Iterator[Piece]:
    at = 0
    for found in _STOP.finditer(text):
        goes_on = text[found.end()].islower() or _is_short_form(text[at : found.start() + 1])
        if not goes_on:
            yield from _bounded(text[at : found.start("gap")], limit)
            yield Piece(found.group("gap"), copy=True)
            at = found.end()
    yield from _bounded(text[at:], limit)


def _is_short_form(text: str) -> bool:
    """A stop behind "Dr", "e.g" or a single capital ends no sentence."""
    if not text.endswith("."):
        return False
    word = re.split(r"[\s(\"'“‘„]", text[:-1])[-1]
    return word.casefold() in _SHORT or bool(re.fullmatch(r"(?:[A-ZÄÖÜ]\.)*[A-ZÄÖÜ]", word))


def _bounded(text: str, limit: int) -> Iterator[Piece]:
    """Spaces at the ends, and what has no letter, are copies; what is too long is cut."""
    while len(text) > limit:
        pauses = [found.end() for found in _PAUSE.finditer(text, limit // 2, limit)]
        end = pauses[-1] if pauses else limit
        yield from _trimmed(text[:end])
        text = text[end:]
    yield from _trimmed(text)


def _trimmed(text: str) -> Iterator[Piece]:
    core = text.strip()
    if not any(letter.isalpha() for letter in _ADDRESS.sub("", core)):
        if text:
            yield Piece(text, copy=True)
        return
    start = text.index(core)
    if start:
        yield Piece(text[:start], copy=True)
    yield Piece(core, copy=False)
    if start + len(core) < len(text):
        yield Piece(text[start + len(core) :], copy=True)
