"""Rungs of our own translation model: sketch, draft, verified, refined.

`draft`: encoder and CTC head, one pass each. `sketch`: what the head guesses half way, an early
exit (Elbayad et al. 2020, "Depth-adaptive transformer"). `verified`: one pass of the decoder over
all sketches, then repairs, which gives what greedy decoding would have; where they cost more than
they save, greedy decoding itself. `refined`: a beam of four, sentence by sentence, on top of what
was verified, while there is time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from stream.core.messages import Rung
from workers.core.beam import Beam
from workers.core.shortcut import Shortcut
from workers.core.speculative import (
    ACCEPTANCES,
    RELAXED,
    Acceptance,
    AcceptanceName,
    Best,
    Speculation,
    Steps,
)
from workers.engines.ctc_translation.graphs import (
    BEGIN,
    END,
    Graphs,
    Memory,
    Vocabulary,
    padded,
)
from workers.engines.ctc_translation.settings import read_settings
from workers.engines.registry import TRANSLATION
from workers.engines.sentences import Said, Sentence
from workers.engines.texts import TextEngine
from workers.ports import Card

SOURCES = ("en",)
ONE_PASS = (Rung.SKETCH, Rung.DRAFT)
SOURCE_PIECES = 250
"""A source is cut behind so many pieces; texts.py hands over far fewer of anything but noise."""
COVERS = 0.8
"""What is on screen serves as the draft where it is so long, compared with the source."""


def make_engine(
    model: str = "", acceptance: AcceptanceName = "strict", beam: int = 4
) -> TextEngine:
    """Of the shipped model, or of one in the folder `model`. Raises EngineMissing."""
    return TextEngine(open_drafting(model, acceptance, beam))


def open_drafting(
    model: str = "", acceptance: AcceptanceName = "strict", beam: int = 4
) -> Drafting:
    """Raises EngineMissing."""
    folder = Path(model) if model else TRANSLATION
    graphs = Graphs(folder)
    vocabulary = Vocabulary(folder / "pieces.model")
    worth = read_settings(folder).worth
    return Drafting(graphs, vocabulary, ACCEPTANCES[acceptance], beam, worth=worth)


class Drafting:
    """Sentences in a batch share the encoder, the drafter and each pass of the decoder."""

    def __init__(
        self,
        graphs: Graphs,
        vocabulary: Vocabulary,
        acceptance: Acceptance,
        beam: int = 4,
        clock: Callable[[], float] = time.monotonic,
        worth: Mapping[Rung, float] | None = None,
    ) -> None:
        self.card = Card(
            name="ctc",
            task="translation",
            rungs=(Rung.SKETCH, Rung.DRAFT, Rung.VERIFIED, Rung.REFINED),
            languages=tuple(vocabulary.tags),
            sources=SOURCES,
            worth=dict(worth or {}),
        )
        self.graphs = graphs
        self._vocabulary = vocabulary
        self._acceptance = acceptance
        self._beam = beam
        self._clock = clock
        self._shortcut = Shortcut()

    def translate(self, rung: Rung, sentences: Sequence[Sentence]) -> Sequence[Said]:
        vocabulary = self._vocabulary
        steps = rung not in ONE_PASS
        if steps and all(each.answered and each.hurried() for each in sentences):
            return [Said(each.draft, Rung.SKETCH) for each in sentences]
        sources = [vocabulary.source(each.text, each.target, SOURCE_PIECES) for each in sentences]
        memory = self.graphs.encode(sources)
        if not steps:
            draw = self.graphs.draft if rung is Rung.DRAFT else self.graphs.sketch
            return [self._drawn(draft, rung) for draft in draw(memory)]
        drafts = self._drafts(sentences, memory)
        told = self._verify(memory, drafts, sentences)
        said = [
            self._said(each, draft, self._acceptance_of(sentence))
            for each, draft, sentence in zip(told, drafts, sentences, strict=True)
        ]
        broken_off = [
            row
            for row, (each, sentence) in enumerate(zip(told, sentences, strict=True))
            if not (each.done or drafts[row]) and sentence.hurried()
        ]
        for row, draft in zip(broken_off, self._sketch(memory, broken_off), strict=True):
            said[row] = self._drawn(draft, Rung.SKETCH)
        if rung is Rung.REFINED:
            return [
                self._refined(memory.rows([row]), sentence, verified)
                for row, (sentence, verified) in enumerate(zip(sentences, said, strict=True))
            ]
        return said

    def _drawn(self, draft: Sequence[int], rung: Rung) -> Said:
        return Said(self._vocabulary.text(draft), rung, drafted=len(draft))

    def _drafts(self, sentences: Sequence[Sentence], memory: Memory) -> list[list[int]]:
        """What is verified: what is on screen where that will do, else a sketch, if any."""
        shown = {
            row: self._vocabulary.pieces(each.draft)
            for row, each in enumerate(sentences)
            if _is_covered(each)
        }
        missing = [row for row in range(len(sentences)) if row not in shown]
        if missing and self._wants_draft(memory, sentences):
            shown.update(zip(missing, self._sketch(memory, missing), strict=True))
        return [shown.get(row, []) for row in range(len(sentences))]

    def _sketch(self, memory: Memory, rows: Sequence[int]) -> list[list[int]]:
        """Of these: as drafts they cost half of the whole head's, and nearly as much stands."""
        if not rows:
            return []
        began = self._clock()
        drawn = self.graphs.sketch(memory.rows(rows))
        self._shortcut.drafted(int(memory.length[rows].sum()), self._clock() - began)
        return drawn

    def _wants_draft(self, memory: Memory, sentences: Sequence[Sentence]) -> bool:
        """Else the decoder says everything itself, which gives the same text."""
        hurry = [left_s for each in sentences if (left_s := each.left()) is not None]
        tokens, rows = int(memory.length.sum()), len(sentences)
        if any(each.hurried() for each in sentences):
            return self._shortcut.drafts_sooner(tokens, tokens)
        return self._shortcut.wants_draft(tokens, rows, min(hurry, default=None))

    def _verify(
        self, memory: Memory, drafts: Sequence[Sequence[int]], sentences: Sequence[Sentence]
    ) -> list[Speculation]:
        lengths = memory.length.tolist()
        limits = [limit_of(length) for length in lengths]
        told = [
            Speculation(
                draft,
                start=BEGIN,
                end=END,
                limit=limit,
                prefix=self._vocabulary.pieces(sentence.prefix) if sentence.prefix else (),
                acceptance=self._acceptance_of(sentence),
            )
            for draft, limit, sentence in zip(drafts, limits, sentences, strict=True)
        ]
        cache = _Cache(self.graphs, len(told), max(limits))
        steps = Steps()
        while going := [
            row
            for row, (each, sentence) in enumerate(zip(told, sentences, strict=True))
            if not each.done and steps.fit(self._spare(sentence, drafts[row], each, lengths[row]))
        ]:
            began = self._clock()
            read = cache.read(memory, {row: told[row] for row in going})
            steps.took(took_s := self._clock() - began)
            if read == len(going):
                self._shortcut.stepped(read, took_s)
        for each, draft in zip(told, drafts, strict=True):
            if draft and each.passes:
                self._shortcut.stood(each.first / len(draft))
        return told

    def _spare(
        self, sentence: Sentence, draft: Sequence[int], told: Speculation, length: int
    ) -> float | None:
        """Seconds left for one more step; who has no draft gets one where that is sooner done than
        the rest of the steps, unless what it says is settled in part.
        """
        if draft:
            return sentence.spare(not _is_covered(sentence))
        rest = length - len(told.tokens)
        return sentence.spare(not sentence.prefix and self._shortcut.drafts_sooner(length, rest))

    def _acceptance_of(self, sentence: Sentence) -> Acceptance:
        """What is on screen of a growing text should stay there (Arivazhagan et al. 2020, biased
        search): nearly the best will do.
        """
        return RELAXED if sentence.growing and _is_covered(sentence) else self._acceptance

    def _said(self, told: Speculation, draft: Sequence[int], acceptance: Acceptance) -> Said:
        return Said(
            self._vocabulary.text(told.spliced()),
            Rung.VERIFIED if told.done else Rung.SKETCH,
            relaxed=acceptance.name == "relaxed" and told.accepted > 0,
            drafted=len(draft),
            accepted=told.first,
            passes=told.passes,
            tokens=len(told.tokens),
        )

    def _refined(self, memory: Memory, sentence: Sentence, verified: Said) -> Said:
        """What was verified stands where the beam does not end in time, or must keep a prefix."""
        if verified.rung is not Rung.VERIFIED or sentence.prefix:
            return verified
        beam = Beam(start=BEGIN, end=END, limit=limit_of(int(memory.length[0])), width=self._beam)
        past = np.zeros((self.graphs.layers, 1, 0, self.graphs.cache_width), np.float32)
        steps = Steps()
        while not beam.done:
            if not steps.fit(sentence.spare(drafted=True)):
                return verified
            began = self._clock()
            tokens = np.array([[token] for token in beam.feed()], np.int64)
            rows = len(tokens)
            length = np.full(rows, past.shape[2], np.int64)
            best, new = self.graphs.read(tokens, memory.rows([0] * rows), past, length)
            parents = beam.take(Best(best.tokens[:, 0], best.scores[:, 0]))
            past = np.concatenate([past, new], 2)[:, parents]
            steps.took(self._clock() - began)
        return verified._replace(text=self._vocabulary.text(beam.best()), rung=Rung.REFINED)


class _Cache:
    """Keys and values of each row's tokens that stand."""

    def __init__(self, graphs: Graphs, rows: int, limit: int) -> None:
        self.graphs = graphs
        self._kept = np.zeros((graphs.layers, rows, limit + 2, graphs.cache_width), np.float32)
        self._length = np.zeros(rows, np.int64)

    def read(self, memory: Memory, told: dict[int, Speculation]) -> int:
        """One pass over what each row wants read, and each is told what came out; returns how many
        tokens were read.
        """
        rows = list(told)
        tokens, counts = padded([each.feed() for each in told.values()])
        length = self._length[rows]
        past = self._kept[:, rows, : int(length.max())]
        best, new = self.graphs.read(tokens, memory.rows(rows), past, length)
        for place, (row, each) in enumerate(told.items()):
            count = int(counts[place])
            stood = each.take(Best(best.tokens[place, :count], best.scores[place, :count]))
            at = int(length[place])
            self._kept[:, row, at : at + stood] = new[:, place, :stood]
            self._length[row] = at + stood
        return int(counts.sum())


def _is_covered(sentence: Sentence) -> bool:
    return sentence.answered or len(sentence.draft) >= COVERS * len(sentence.text)


def limit_of(source_length: int) -> int:
    """Most pieces of a translation, as in training."""
    return source_length * 3 // 2 + 10
