"""The caption filter: the word lists that hold for posts, held against captions before display.

It looks for words as they are written, which is how a recogniser writes: shipped lists in the
caption's language, and the lists of the channel's policy with their exceptions.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from msgspec import UNSET
from msgspec.structs import replace

from stream.core.messages import Caption
from stream.core.policies import Filter, Policy
from stream.core.settings import ChannelSettings, InForce
from workers.core.masking import screen
from workers.core.phrases import PhraseBook
from workers.core.steady import Steady

LISTS = Path(__file__).parent / "models" / "words"
OFFENSIVE = "offensive"
"""The name of the shipped lists, as it is of the label that posts with their words get."""
KEPT = 256
CHANNELS = 10_000

Screen = Callable[[Caption, Steady], Caption]


class _Held(NamedTuple):
    """The filter that a segment began with holds until its end: what is settled must stand."""

    segment: str
    rules: InForce
    screen: Screen
    steady: Steady


class CaptionFilter:
    """Filters by what holds on each channel; a change counts from the next segment on."""

    def __init__(self, catalogue: ChannelSettings) -> None:
        self._catalogue = catalogue
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._books: OrderedDict[tuple[object, ...], PhraseBook] = OrderedDict()

    def apply(self, caption: Caption) -> Caption:
        """The caption as it may be shown."""
        held = self._held.get(caption.channel)
        if held is None or held.segment != caption.segment:
            held = self._hold(caption, held)
        return held.screen(caption, held.steady)

    def _hold(self, caption: Caption, before: _Held | None) -> _Held:
        rules = self._catalogue.of(caption.channel)
        if before is not None and before.rules is rules:
            held = before._replace(segment=caption.segment, steady=Steady())
        else:
            screening = self._screen(rules, caption.language)
            held = _Held(caption.segment, rules, screening, Steady())
        self._held[caption.channel] = held
        self._held.move_to_end(caption.channel)
        if len(self._held) > CHANNELS:
            self._held.popitem(last=False)
        return held

    def _screen(self, rules: InForce, language: str) -> Screen:
        if rules.filter == "off":
            return keep
        policy = rules.policy
        key = (language, policy.words, policy.exceptions, policy.lists)
        book = self._books.pop(key, None)
        if book is None:
            book = book_of(policy, language)
        self._books[key] = book
        if len(self._books) > KEPT:
            self._books.popitem(last=False)
        return lambda caption, steady: filtered(caption, rules.filter, book, steady)


def keep(caption: Caption, steady: Steady) -> Caption:
    """No filter."""
    return caption


def filtered(
    caption: Caption, mode: Filter, book: PhraseBook, steady: Steady | None = None
) -> Caption:
    """A caption through a filter. `flags` name the lists that had something to say; `steady` holds
    what was found in its segment's earlier captions.
    """
    if mode == "off":
        return caption
    shown = screen(
        caption.text,
        caption.stable,
        caption.words,
        mode,
        book,
        final=caption.final,
        steady=steady,
    )
    return replace(
        caption,
        text=shown.text,
        stable=shown.stable,
        words=shown.words,
        flags=shown.flags or UNSET,
    )


def book_of(policy: Policy, language: str) -> PhraseBook:
    """The phrases that a channel's captions in a language are held against."""
    own = [(each.name, each.words) for each in policy.word_lists()]
    return PhraseBook([*own, (OFFENSIVE, shipped(language))], policy.excepted())


@cache
def shipped(language: str) -> tuple[str, ...]:
    """The shipped list of a language, without what is an everyday word elsewhere; empty where
    there is none.
    """
    base = language.partition("-")[0].lower()
    known = {path.name.split(".")[1]: path for path in LISTS.glob("ldnoobw.*.txt")}
    if base not in known:
        return ()
    everyday = (LISTS / "everyday.tsv").read_text(encoding="utf-8").splitlines()
    phrases = known[base].read_text(encoding="utf-8").splitlines()
    return tuple(phrase for phrase in phrases if f"{base}\t{phrase}" not in everyday)
