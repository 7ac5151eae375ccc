"""Listed words in captions: masked, dropped or flagged, also while a text still grows.

What has been marked stable stays: a listed phrase, or an exception to one, that has only begun
in the settled part is not settled yet. Masking keeps the length of the text in code points.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from stream.core.messages import Word
from stream.core.policies import Filter
from workers.core.phrases import Match, PhraseBook, Token, tokens_of
from workers.core.steady import Steady

MASK = "*"
_ENDS = frozenset(".!?;:…")


class Screened(NamedTuple):
    """What may be shown, how many of its leading code points are settled, and which lists had
    something to say.
    """

    text: str
    stable: int
    words: tuple[Word, ...]
    flags: tuple[str, ...]


def screen(
    text: str,
    stable: int,
    words: Sequence[Word],
    mode: Filter,
    book: PhraseBook,
    *,
    final: bool,
    steady: Steady | None = None,
) -> Screened:
    """A text of which `stable` code points are settled, through a filter other than `off`.

    `steady` holds what was found in the segment's earlier texts.
    """
    tokens = tokens_of(text)
    matches = book.find_among(tokens)
    settled = len(text) if final else settled_part(text, stable, tokens, book)
    if steady is not None:
        matches = steady.keep(tokens, matches, settled)
    flags = tuple(dict.fromkeys(match.name for match in matches))
    if mode == "flag":
        return Screened(text, stable, tuple(words), flags)
    settled = min([settled, *(each.start for each in matches if each.start < settled < each.end)])
    same = text == " ".join(word.word for word in words)
    kept = _screen_words(words, matches if same else None, mode, book)
    if mode == "mask":
        return Screened(_masked(text, matches), settled, kept, flags)
    before = [match for match in matches if match.end <= settled]
    shown, promised = _without(text, matches), _without(text[:settled], before)
    return Screened(shown, len(shown) if final else len(promised), kept, flags)


def settled_part(text: str, stable: int, tokens: Sequence[Token], book: PhraseBook) -> int:
    """The leading code points of the stable ones that no further word can make a match of.

    A word at the very end of a text may still grow.
    """
    settled = stable
    whole = [token for token in tokens if token.end <= stable]
    grows = whole and whole[-1].end == len(text) and whole[-1].word[-1:].isalnum()
    if grows:
        settled = min(settled, whole.pop().start)
    if len(whole) < len(tokens) and tokens[len(whole)].start < stable:
        settled = min(settled, tokens[len(whole)].start)
    undecided = book.undecided(whole)
    return settled if undecided is None else min(settled, undecided)


def _masked(text: str, matches: Iterable[Match]) -> str:
    shown = list(text)
    for match in matches:
        for at in range(match.start, match.end):
            shown[at] = shown[at] if shown[at].isspace() else MASK
    return "".join(shown)


def _without(text: str, matches: Iterable[Match]) -> str:
    """The text without the matches, a comma after each, and spaces that held them apart."""
    shown, at = "", 0
    for match in matches:
        shown += text[at : match.start]
        at = match.end + (text[match.end : match.end + 1] == ",")
        while text[at : at + 1].isspace():
            at += 1
        if text[at : at + 1] in _ENDS:
            shown = shown.rstrip()
    return (shown + text[at:]).rstrip()


def _screen_words(
    words: Sequence[Word], matches: Sequence[Match] | None, mode: Filter, book: PhraseBook
) -> tuple[Word, ...]:
    """Words keep their times; one of which nothing is left is gone.

    `matches` are those in the words with a space between each two; None: to be found.
    """
    if matches is None:
        matches = book.find(" ".join(word.word for word in words))
    if not matches:
        return tuple(words)
    hit = {at for match in matches for at in range(match.start, match.end)}
    kept, start = [], 0
    for word in words:
        shown = "".join(
            _shown(letter, mode) if start + at in hit else letter
            for at, letter in enumerate(word.word)
        )
        start += len(word.word) + 1
        if shown == word.word:
            kept.append(word)
        elif any(letter.isalnum() or letter == MASK for letter in shown):
            kept.append(_respelled(word, shown))
    return tuple(kept)


def _respelled(word: Word, shown: str) -> Word:
    return Word(word=shown, start=word.start, end=word.end, confidence=word.confidence)


def _shown(letter: str, mode: Filter) -> str:
    if mode == "drop":
        return ""
    return letter if letter.isspace() else MASK
