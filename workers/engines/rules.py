"""Moderation by word lists alone: what is listed is found, also obfuscated, and nothing else.

Labels: `offensive` where an entry of the shipped lists occurs (workers/models/words), with a
score that says how often annotators agreed, and `words` where one of the channel's own texts
does. No other label is claimed: a list knows neither hate nor threat nor spam.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from stream.core.errors import EngineError, EngineMissing
from stream.core.messages import Rung
from workers.core.normalise import Normaliser
from workers.core.policy import OWN_WORDS
from workers.engines.wordlist import WordList
from workers.ports import Card, Judge, Question, Scored

LISTS = Path(__file__).parents[1] / "models" / "words"
LANGUAGES = ("en", "de", "fr", "es")
OFFENSIVE = "offensive"
LISTED = 0.66
"""The share of annotated texts with a listed word that were called toxic or worse (its card)."""

MOST_REASONS = 8
MOST_OWN_LISTS = 256


def make_engine(languages: Sequence[str] = LANGUAGES) -> Rules:
    """Raises EngineMissing for a language that has no list."""
    card = Card(name="rules", task="moderation", rungs=(Rung.DRAFT,), languages=tuple(languages))
    normaliser = Normaliser(read_confusables())
    phrases = (phrase for language in languages for phrase in read_list(language))
    return Rules(card, normaliser, WordList(phrases, normaliser))


class Rules:
    """Keeps the compiled lists of the channels that asked last."""

    def __init__(self, card: Card, normaliser: Normaliser, listed: WordList) -> None:
        self.card = card
        self._normaliser = normaliser
        self._listed = listed
        self._own: OrderedDict[tuple[str, ...], WordList] = OrderedDict()

    def run(self, rung: Rung, questions: Sequence[Question]) -> Sequence[Scored]:
        return [self._score(question) for question in questions]

    def forget(self, stream: str) -> None:
        """There is no state by stream."""

    def _score(self, question: Question) -> Scored:
        if not isinstance(question, Judge):
            raise EngineError(f"rules were asked {type(question).__name__}, not Judge")
        spellings = self._normaliser.spellings(question.text)
        listed = self._listed.find(question.text, spellings)
        labels = {OFFENSIVE: LISTED if listed else 0.0}
        reasons = [f"{OFFENSIVE}: listed {phrase!r}" for phrase in listed]
        own: list[str] = []
        if question.words:
            own = self._own_list(question.words).find(question.text, spellings)
            labels[OWN_WORDS] = 1.0 if own else 0.0
        return Scored(labels=labels, reasons=tuple(reasons[:MOST_REASONS]), found=tuple(own))

    def _own_list(self, words: tuple[str, ...]) -> WordList:
        found = self._own.pop(words, None) or WordList(words, self._normaliser)
        self._own[words] = found
        if len(self._own) > MOST_OWN_LISTS:
            self._own.popitem(last=False)
        return found


def read_list(language: str) -> list[str]:
    """A shipped list, without what is an everyday word elsewhere."""
    path = LISTS / f"ldnoobw.{language}.txt"
    if not path.exists():
        there = ", ".join(LANGUAGES)
        raise EngineMissing(f"no word list for language {language!r}; there is: {there}")
    everyday = {
        tuple(line.split("\t"))
        for line in (LISTS / "everyday.tsv").read_text(encoding="utf-8").splitlines()
    }
    phrases = path.read_text(encoding="utf-8").splitlines()
    return [phrase for phrase in phrases if (language, phrase) not in everyday]


def read_confusables() -> dict[str, str]:
    lines = (LISTS / "confusables.tsv").read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t") for line in lines)
