"""Rungs of an autoregressive model from a hub: a draft from elsewhere is verified, then refined.

The draft is what is on screen or, where nothing is, what a quicker model says. Whatever it is, the
verified text is the one that the model's own greedy search gives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

from stream.core.errors import EngineMissing
from stream.core.messages import Rung
from workers.engines.sentences import Said, Sentence, TranslatesSentences
from workers.ports import Card

Left = Callable[[], float | None]


class Verified(NamedTuple):
    """Tokens as far as they are known (`done`: to the end), how many of the draft's stood in the
    first pass, and the passes.
    """

    tokens: list[Any]
    done: bool
    accepted: int
    passes: int


class Autoregressive(Protocol):
    """One model with its tokens, whatever these are. It takes one sentence at a time."""

    name: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]

    def tokens(self, text: str, target: str) -> list[Any]:
        """Of a text in the target language, without any that the model adds."""

    def text(self, tokens: Sequence[Any]) -> str: ...

    def verify(
        self, sentence: Sentence, draft: Sequence[Any], prefix: Sequence[Any], left: Left
    ) -> Verified:
        """Greedy search behind `prefix`, by way of `draft`; where time runs out the tokens end with
        the rest of the draft.
        """

    def refine(self, sentence: Sentence, left: Left) -> list[Any] | None:
        """Beam search; None where it does not end in time."""


class Verifying:
    """texts.TranslatesSentences with an autoregressive model and, for drafts, a quicker one."""

    def __init__(
        self, model: Autoregressive, drafter: TranslatesSentences | None, *, beam: bool = True
    ) -> None:
        self._model = model
        self._drafter = drafter
        rungs = (Rung.VERIFIED, Rung.REFINED) if beam else (Rung.VERIFIED,)
        self.card = Card(
            name=model.name,
            task="translation",
            rungs=(Rung.DRAFT, *rungs) if drafter else rungs,
            languages=model.targets,
            sources=model.sources,
        )

    def translate(self, rung: Rung, sentences: Sequence[Sentence]) -> Sequence[Said]:
        drafts = self._drafts(rung, sentences)
        if rung is Rung.DRAFT:
            return [Said(draft, rung) for draft in drafts]
        return [
            self._translate(rung, sentence, draft)
            for sentence, draft in zip(sentences, drafts, strict=True)
        ]

    def _translate(self, rung: Rung, sentence: Sentence, draft: str) -> Said:
        if sentence.answered and sentence.hurried():
            return Said(sentence.draft, Rung.DRAFT)
        model = self._model
        drafted = model.tokens(draft, sentence.target) if draft else []
        prefix = model.tokens(sentence.prefix, sentence.target) if sentence.prefix else []
        left = partial(sentence.spare, bool(drafted) and not sentence.draft)
        found = model.verify(sentence, drafted, prefix, left)
        said = Said(
            model.text(found.tokens),
            Rung.VERIFIED if found.done else Rung.DRAFT,
            drafted=len(drafted),
            accepted=found.accepted,
            passes=found.passes,
            tokens=len(found.tokens),
        )
        if rung is not Rung.REFINED or not found.done or prefix:
            return said
        refined = model.refine(sentence, partial(sentence.spare, True))
        if refined is None:
            return said
        return said._replace(text=model.text(refined), rung=Rung.REFINED)

    def _drafts(self, rung: Rung, sentences: Sequence[Sentence]) -> list[str]:
        """A text for each sentence, "" where there is none."""
        texts = [each.draft if rung is not Rung.DRAFT else "" for each in sentences]
        missing = [
            place
            for place, each in enumerate(sentences)
            if not texts[place] and self._can_draft(each)
        ]
        if missing and self._drafter:
            said = self._drafter.translate(Rung.DRAFT, [sentences[place] for place in missing])
            for place, each in zip(missing, said, strict=True):
                texts[place] = each.text
        return texts

    def _can_draft(self, sentence: Sentence) -> bool:
        if self._drafter is None:
            return False
        card = self._drafter.card
        return sentence.target in card.languages and sentence.source in card.sources


def shipped_drafter() -> TranslatesSentences | None:
    """Our own model, where it is there."""
    try:
        from workers.engines.ctc_translation.engine import open_drafting

        return open_drafting()
    except (EngineMissing, ModuleNotFoundError):
        return None


def drafter_for(sources: Sequence[str], targets: Sequence[str]) -> TranslatesSentences | None:
    """The shipped model, where it knows all the languages of another one: each of that one's
    questions can then be drafted.
    """
    drafter = shipped_drafter()
    if drafter is None:
        return None
    knows = set(sources) <= set(drafter.card.sources) and set(targets) <= set(
        drafter.card.languages
    )
    return drafter if knows else None
