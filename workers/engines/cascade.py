"""Moderation as a cascade: word lists, a draft for every text, an encoder where that is not sure.

A text is read (core/reading.py), cut into windows, and each window drafted. The encoder reads the
whole of a short text and, of a long one, the windows that the draft finds worst: the cost of any
text is bounded. A text's score is its worst window's.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from stream.core.errors import EngineError, EngineMissing
from stream.core.messages import Rung
from workers.engines.cascade_draft import Floats
from workers.engines.cascade_drafter import MODEL, Drafted, Drafter, make_drafter, worst_windows
from workers.engines.cascade_encoder import Encoder
from workers.engines.rules import Rules
from workers.engines.rules import make_engine as make_rules
from workers.ports import Card, Judge, Question, Scored

RUNGS = (Rung.DRAFT, Rung.VERIFIED)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What belongs to the weights (`moderation.json`).

    `sure_below`  a text whose every draft score is lower is not shown to the encoder
    """

    labels: tuple[str, ...]
    sure_below: float


class Models(NamedTuple):
    """What the cascade runs on."""

    settings: Settings
    drafter: Drafter
    encoder: Encoder


def make_engine(folder: str = "", early_exit: bool = True) -> Cascade:
    """`folder` holds other weights than the shipped ones. Raises EngineMissing."""
    models = read_models(Path(folder) if folder else MODEL)
    sure_below = models.settings.sure_below if early_exit else 0.0
    return Cascade(models, make_rules(), sure_below)


def read_models(folder: Path) -> Models:
    try:
        text = (folder / "moderation.json").read_bytes()
        settings = msgspec.json.decode(text, type=Settings)
        return Models(settings, make_drafter(folder), Encoder(folder / "encoder.onnx"))
    except FileNotFoundError as error:
        raise EngineMissing(f"no moderation model: {error.filename} is not there") from error


class Cascade:
    """Both rungs answer with the same labels; `offensive` is the higher of list and model."""

    card = Card(name="cascade", task="moderation", rungs=RUNGS)

    def __init__(self, models: Models, rules: Rules, sure_below: float) -> None:
        self._models, self._rules = models, rules
        self._sure_below = sure_below
        self.verified = 0
        """Texts that the encoder has read."""

    def run(self, rung: Rung, questions: Sequence[Question]) -> Sequence[Scored]:
        texts = [as_judge(question).text for question in questions]
        listed = self._rules.run(Rung.DRAFT, questions)
        drafted = [self.draft(text) for text in texts]
        worst = [found.scores.max(0) for found in drafted]
        if rung is not Rung.DRAFT:
            self._verify(drafted, worst)
        reached = [RUNGS[-1] if self.is_sure(found) else rung for found in drafted]
        return [self._merge(*each) for each in zip(worst, listed, reached, strict=True)]

    def forget(self, stream: str) -> None:
        """There is no state by stream."""

    def draft(self, text: str) -> Drafted:
        return self._models.drafter.draft(text)

    def is_sure(self, drafted: Drafted) -> bool:
        """Whether the draft is so low in all labels that the encoder need not read the text."""
        return bool(drafted.scores.max() < self._sure_below)

    def _verify(self, drafted: Sequence[Drafted], worst: list[Floats]) -> None:
        """The encoder's word in place of the draft's, where the draft isn't sure."""
        owners: list[int] = []
        windows: list[Sequence[int]] = []
        for owner, found in enumerate(drafted):
            if not self.is_sure(found):
                chosen = worst_windows(found)
                owners += [owner] * len(chosen)
                windows += [found.windows[place].pieces for place in chosen]
        if not windows:
            return
        scores = self._models.encoder.score(windows)
        for owner in dict.fromkeys(owners):
            worst[owner] = scores[[o == owner for o in owners]].max(0)
        self.verified += len(set(owners))

    def _merge(self, scores: Floats, listed: Scored, reached: Rung) -> Scored:
        """What the lists found, with the model's scores; why one counts is the policy's word."""
        names = self._models.settings.labels
        labels = {n: round(float(s), 4) for n, s in zip(names, scores, strict=True)}
        for name, score in listed.labels.items():
            labels[name] = max(score, labels.get(name, 0.0))
        return replace(listed, labels=labels, rung=reached)


def as_judge(question: Question) -> Judge:
    if not isinstance(question, Judge):
        raise EngineError(f"cascade was asked {type(question).__name__}, not Judge")
    return question
