"""The scripted captions engine, which writes in capitals unless words are wanted as spoken."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from stream.core.messages import Rung
from tests.support.scripted import Scripted, make_engine
from workers.ports import Answer, Card, Heard, Question

WRITING = "tests.support.writing:make_writer"


def make_writer(verbatim: bool = False) -> Scripted | Writer:
    return make_engine("captions") if verbatim else Writer(make_engine("captions"))


class Writer:
    """Finals in capitals."""

    def __init__(self, engine: Scripted) -> None:
        self._engine = engine
        self.card: Card = engine.card

    def run(self, rung: Rung, questions: Sequence[Question]) -> Sequence[Answer]:
        return [self._write(answer) for answer in self._engine.run(rung, questions)]

    def forget(self, stream: str) -> None:
        self._engine.forget(stream)

    def _write(self, answer: Answer) -> Answer:
        assert isinstance(answer, Heard)
        hypotheses = (
            replace(said, text=said.text.upper()) if said.final else said
            for said in answer.hypotheses
        )
        return replace(answer, hypotheses=tuple(hypotheses))
