"""A translation engine around whatever translates sentences: texts are cut, and checked after.

Shared by all translation engines, so that none loses a line break, an address or a number, and each
keeps to a channel's glossary.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, repeat

from stream.core.errors import EngineError
from stream.core.messages import Rung
from workers.core.facts import (
    Fact,
    find_facts,
    masked,
    readable,
    with_letters,
    with_stand_ins,
)
from workers.core.fragments import as_fragment
from workers.core.mending import Mended, mend
from workers.core.pieces import Piece, cut, cut_at, without_numbers
from workers.engines.sentences import Said, Sentence, TranslatesSentences
from workers.ports import Card, Question, Render, Rendered

BATCH = 16
"""Sentences that are translated together at most."""


class TextEngine:
    """ports.Engine for texts of any shape."""

    def __init__(self, model: TranslatesSentences, clock: Callable[[], float] = time.monotonic):
        self.card = model.card
        self._model = model
        self._clock = clock
        self._targets = frozenset(self.card.languages)
        self._sources = frozenset(self.card.sources or self.card.languages[:1])
        self._hurried: Callable[[], bool] = lambda: False

    def interrupt_when(self, hurried: Callable[[], bool]) -> None:
        """Asked between steps; see ports.Interruptible."""
        self._hurried = hurried

    def run(self, rung: Rung, questions: Sequence[Question]) -> Sequence[Rendered]:
        began = self._clock()
        texts = [
            _Text(self._checked(question), self._left(question, began), self._hurried)
            for question in questions
        ]
        parts = [part for text in texts for part in text.parts]
        self._translate(rung, parts)
        self._retry(rung, [part for part in parts if part.missing])
        self._retry(rung, [part for part in parts if part.lacks_number])
        self._cut(rung, [part for part in parts if part.missing])
        return [text.rendered(rung) for text in texts]

    def forget(self, stream: str) -> None:
        """There is no state by stream."""

    def _retry(self, rung: Rung, parts: Sequence[_Part]) -> None:
        """With other words for what was lost."""
        for part in parts:
            part.put_stand_ins()
        self._translate(rung, parts)

    def _cut(self, rung: Rung, parts: Sequence[_Part]) -> None:
        """At what was lost; what loses a fact even then is cut at all of them."""
        for part in parts:
            part.cut_at_missing()
        inner = [each for part in parts for each in part.inner]
        self._translate(rung, inner)
        short = [each for each in inner if each.missing]
        for part in short:
            part.cut_at_all()
        self._translate(rung, [each for part in short for each in part.inner])

    def _translate(self, rung: Rung, parts: Sequence[_Part]) -> None:
        for at in range(0, len(parts), BATCH):
            some = parts[at : at + BATCH]
            said = self._model.translate(rung, [part.sentence for part in some])
            for part, each in zip(some, said, strict=True):
                part.take(each)

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
    a fact: a number, an address, or a word of the glossary.
    """

    def __init__(self, sentence: Sentence, glossary: dict[str, str]) -> None:
        self.inner: list[_Part] = []
        self.said: list[Said] = []
        self._whole = sentence
        self._glossary = glossary
        self._facts = find_facts(sentence.text, glossary)
        self._best: Mended | None = None
        self._pieces: list[Piece] = []
        self.sentence = self._read(
            masked(self._facts, sentence.draft), masked(self._facts, sentence.prefix)
        )

    @property
    def missing(self) -> tuple[Fact, ...]:
        return self._best.missing if self._best else ()

    def take(self, said: Said) -> None:
        """A later answer counts where it lacks less."""
        self.said.append(said)
        found = mend(self._facts, self._whole.text, said.text, self._whole.target)
        if self._best is None or len(found.missing) < len(self._best.missing):
            self._best = found

    @property
    def lacks_number(self) -> bool:
        return any(not fact.wanted for fact in self.missing)

    def put_stand_ins(self) -> None:
        """Figures for lost numbers and letters for the rest, behind what is settled on screen; then
        letters for the numbers, too, whatever is settled.
        """
        self._whole = replace(self._whole, answered=False)
        if len(self.said) == 1:
            self._facts = with_stand_ins(self._facts, self.missing)
            settled = masked(self._facts, self._whole.prefix)
            self.sentence = self._read(settled, settled)
        else:
            self._facts = with_letters(self._facts, self.missing, self._whole.target)
            self.sentence = self._read()

    def cut_at_missing(self) -> None:
        self._cut({fact.start for fact in self.missing})

    def cut_at_all(self) -> None:
        self._cut({fact.start for fact in self._facts})

    def text(self) -> str:
        if not self._pieces:
            text = self._best.text if self._best else ""
            return text if text.strip() else self._whole.text
        inner = iter(self.inner)
        texts = [piece.text if piece.copy else next(inner)._fragment() for piece in self._pieces]
        return "".join(texts)

    def all_said(self) -> Iterator[Said]:
        yield from self.said
        for part in self.inner:
            yield from part.all_said()

    def _fragment(self) -> str:
        text = self.text()
        if not self._facts:
            text = without_numbers(text).strip() or self._whole.text
        return as_fragment(self._whole.text, text, self._whole.target)

    def _read(self, draft: str = "", prefix: str = "") -> Sentence:
        text = readable(self._facts, self._whole.text)
        while not draft.startswith(prefix):  # it ends within an address
            prefix = prefix[:-1]
        return replace(self._whole, text=text, draft=draft, prefix=prefix)

    def _cut(self, places: set[int]) -> None:
        target = self._whole.target
        words = [fact.as_word(target) for fact in self._facts if fact.start in places]
        spans = [(word.start, word.end, word.wanted) for word in words]
        self._pieces = cut_at(self._whole.text, spans)
        model = self._whole
        self.inner = [
            _Part(
                Sentence(piece.text, model.source, target, left=model.left, hurried=model.hurried),
                self._glossary,
            )
            for piece in self._pieces
            if not piece.copy
        ]


class _Text:
    """A question in parts."""

    def __init__(
        self, question: Render, left: Callable[[], float | None], hurried: Callable[[], bool]
    ) -> None:
        self._pieces = cut(question.text)
        spoken = [piece.text for piece in self._pieces if not piece.copy]
        shown = [*_drafts(question)]
        answered = question.answered and len(shown) == len(spoken)
        drafts = chain(shown, repeat(("", "")))
        self.parts = [
            _Part(
                Sentence(
                    text,
                    question.source,
                    question.target,
                    draft,
                    prefix,
                    left=left,
                    growing=question.growing,
                    hurried=hurried,
                    answered=answered,
                ),
                question.glossary,
            )
            for text, (draft, prefix) in zip(spoken, drafts, strict=False)
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
