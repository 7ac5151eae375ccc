"""A translation engine around whatever translates sentences: texts are cut, and checked after.

Shared by all translation engines, so that none loses a line break, an address or a number, and each
keeps to a channel's glossary.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from stream.core.errors import EngineError
from stream.core.messages import Rung
from workers.core.pieces import Piece, cut, cut_facts, is_faithful, without_numbers
from workers.ports import Card, Question, Render, Rendered

BATCH = 16
"""Sentences that are translated together at most."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence to translate; `draft` is what is on screen of it, and must begin with `prefix`.

    `growing`: it goes on, and may say what is on screen where that is nearly the best.
    `left` says how many seconds are left (None: as many as it takes).
    """

    text: str
    source: str
    target: str
    draft: str = ""
    prefix: str = ""
    left: Callable[[], float | None] = lambda: None
    growing: bool = False


class Said(NamedTuple):
    """A sentence's translation, the rung that was reached, and what the verification counted."""

    text: str
    rung: Rung
    relaxed: bool = False
    drafted: int = 0
    accepted: int = 0
    passes: int = 0
    tokens: int = 0


class TranslatesSentences(Protocol):
    """A model. It may answer below `rung` where time runs out, never later than a step after."""

    card: Card

    def translate(self, rung: Rung, sentences: Sequence[Sentence]) -> Sequence[Said]:
        """One answer a sentence, in order. Raises EngineError for the whole batch."""


class TextEngine:
    """ports.Engine for texts of any shape."""

    def __init__(self, model: TranslatesSentences, clock: Callable[[], float] = time.monotonic):
        self.card = model.card
        self._model = model
        self._clock = clock
        self._targets = frozenset(self.card.languages)
        self._sources = frozenset(self.card.sources or self.card.languages[:1])

    def run(self, rung: Rung, questions: Sequence[Question]) -> Sequence[Rendered]:
        began = self._clock()
        texts = [
            _Text(self._checked(question), self._left(question, began)) for question in questions
        ]
        self._translate(rung, [part for text in texts for part in text.parts])
        unfaithful = [part for text in texts for part in text.parts if not part.is_faithful()]
        for part in unfaithful:
            part.cut_at_facts()
        self._translate(rung, [inner for part in unfaithful for inner in part.inner])
        return [text.rendered(rung) for text in texts]

    def forget(self, stream: str) -> None:
        """There is no state by stream."""

    def _translate(self, rung: Rung, parts: Sequence[_Part]) -> None:
        for at in range(0, len(parts), BATCH):
            some = parts[at : at + BATCH]
            for part, said in zip(
                some, self._model.translate(rung, [part.sentence for part in some]), strict=True
            ):
                part.said = said

    def _checked(self, question: Question) -> Render:
        name = self.card.name
        if not isinstance(question, Render):
            raise EngineError(f"{name} was asked {type(question).__name__}, not Render")
        if question.target not in self._targets or question.source not in self._sources:
            pair = f"{question.source} to {question.target}"
            raise EngineError(f"{name} was asked {pair}, expected {_offer(self.card)}")
        return question

    def _left(self, question: Question, began: float) -> Callable[[], float | None]:
        left_s = question.left_s if isinstance(question, Render) else None
        if left_s is None:
            return lambda: None
        return lambda: began + left_s - self._clock()


class _Part:
    """A sentence of a text, its translation, and the pieces that it is cut into where that lost
    a number or a word of the glossary.
    """

    def __init__(self, sentence: Sentence, glossary: dict[str, str]) -> None:
        self.sentence = sentence
        self.said = Said("", Rung.REPEAT)
        self.inner: list[_Part] = []
        self._glossary = glossary
        self._pieces: list[Piece] = []

    def is_faithful(self) -> bool:
        said = self.said.text
        return bool(said.strip()) and is_faithful(self.sentence.text, said, self._glossary)

    def cut_at_facts(self) -> None:
        self._pieces = cut_facts(self.sentence.text, self._glossary)
        model = self.sentence
        self.inner = [
            _Part(Sentence(piece.text, model.source, model.target, left=model.left), {})
            for piece in self._pieces
            if not piece.copy
        ]

    def text(self) -> str:
        if not self._pieces:
            return self.said.text
        inner = iter(self.inner)
        return "".join(
            piece.text if piece.copy else _or_as_it_was(next(inner)) for piece in self._pieces
        )

    def all_said(self) -> Iterator[Said]:
        yield self.said
        for part in self.inner:
            yield part.said


def _or_as_it_was(part: _Part) -> str:
    """A model that says nothing drops nothing."""
    return without_numbers(part.said.text).strip() or part.sentence.text


class _Text:
    """A question in parts."""

    def __init__(self, question: Render, left: Callable[[], float | None]) -> None:
        self._pieces = cut(question.text)
        drafts = _drafts(question)
        self.parts = [
            _Part(_sentence(question, piece, next(drafts, ("", "")), left), question.glossary)
            for piece in self._pieces
            if not piece.copy
        ]

    def rendered(self, asked: Rung) -> Rendered:
        parts = iter(self.parts)
        text = "".join(piece.text if piece.copy else next(parts).text() for piece in self._pieces)
        said = [said for part in self.parts for said in part.all_said()]
        order = list(Rung)
        return Rendered(
            text=text,
            rung=min((each.rung for each in said), key=order.index, default=asked),
            relaxed=any(each.relaxed for each in said),
            drafted=sum(each.drafted for each in said),
            accepted=sum(each.accepted for each in said),
            passes=sum(each.passes for each in said),
            tokens=sum(each.tokens for each in said),
        )


def _sentence(
    question: Render, piece: Piece, shown: tuple[str, str], left: Callable[[], float | None]
) -> Sentence:
    draft, prefix = shown
    languages, growing = (question.source, question.target), question.growing
    return Sentence(piece.text, *languages, draft, prefix, left, growing)


def _drafts(question: Render) -> Iterator[tuple[str, str]]:
    """What is on screen of each sentence, and which part of that is settled."""
    at = 0
    for piece in cut(question.draft):
        if not piece.copy:
            yield piece.text, piece.text[: max(0, question.stable - at)]
        at += len(piece.text)


def _offer(card: Card) -> str:
    sources, targets = card.sources or card.languages[:1], card.languages
    return f"{', '.join(sources[:8])} to {', '.join(targets[:8])}"
