"""What every engine keeps, as its users meet it: in its own process, behind the port."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec.structs import replace

from stream.core.errors import EngineError, EngineLost
from tests.support.scripted import SCRIPTED
from tests.support.speech import read_speech
from workers.engines.process import EngineProcess
from workers.ports import Answer, Audio, Heard, Hypothesis, Judge, Question, Render, Task

PATIENCE_S = 30.0
HANG_S = 0.5


@dataclass(frozen=True)
class Case:
    name: str
    task: Task
    options: dict[str, Any] = field(default_factory=dict)

    def open(self) -> EngineProcess:
        return EngineProcess(self.name, self.task, self.options)

    def questions(self) -> list[Question]:
        """Three that stand alone and whose answers differ."""
        match self.task:
            case "captions":
                return [audio(f"s{seconds}", 0, seconds, last=True) for seconds in (1, 2, 4)]
            case "moderation":
                return [Judge(text=text) for text in ("what a lovely day", "bad shit", "red car")]
            case "translation":
                return [Render(text=text, source="en", target="de") for text in ("a", "b", "c")]

    def foreign_question(self) -> Question:
        return Judge(text="hello") if self.task == "captions" else audio("s", 0, 1)


def audio(stream: str, start_s: float, end_s: float, *, last: bool = False) -> Audio:
    start, end = round(start_s * 16_000), round(end_s * 16_000)
    pcm = read_speech()[2 * start : 2 * end]
    return Audio(stream=stream, start=start, pcm=pcm, fresh=not start, last=last)


CASES = [
    *(Case(SCRIPTED, task, {"task": task}) for task in ("captions", "moderation", "translation")),
    Case("rules", "moderation"),
    Case("pocketsphinx", "captions", {"decoders": 1}),
]
every_engine = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.task}-{case.name}")
every_recogniser = pytest.mark.parametrize(
    "case", [case for case in CASES if case.task == "captions"], ids=lambda case: case.name
)


async def ask(engine: EngineProcess, *questions: Question) -> Sequence[Answer]:
    return await engine.run(engine.card.rungs[-1], questions, PATIENCE_S)


@every_engine
async def test_answers_come_one_a_question_and_in_order(case: Case) -> None:
    async with case.open() as engine:
        questions = case.questions()
        answers = await ask(engine, *questions)
        again = await ask(engine, *reversed(questions))
    assert len(answers) == len(questions)
    assert list(again) == list(reversed(answers))
    assert any(answer != answers[0] for answer in answers)


@every_engine
async def test_a_batch_answers_as_its_questions_alone_do(case: Case) -> None:
    async with case.open() as engine:
        alone = [(await ask(engine, question))[0] for question in case.questions()]
        assert list(await ask(engine, *case.questions())) == alone


@every_engine
async def test_nothing_asked_is_nothing_answered(case: Case) -> None:
    async with case.open() as engine:
        assert list(await ask(engine)) == []


@every_engine
async def test_every_rung_of_the_card_answers(case: Case) -> None:
    async with case.open() as engine:
        assert engine.card.task == case.task
        for rung in engine.card.rungs:
            assert len(await engine.run(rung, case.questions(), PATIENCE_S)) == 3


@every_engine
async def test_a_foreign_question_is_refused_and_the_engine_lives(case: Case) -> None:
    async with case.open() as engine:
        pid = engine.pid
        with pytest.raises(EngineError, match=type(case.foreign_question()).__name__) as caught:
            await ask(engine, case.foreign_question())
        assert not isinstance(caught.value, EngineLost)
        assert len(await ask(engine, *case.questions())) == 3
        assert engine.pid == pid


@every_engine
@pytest.mark.parametrize(
    "blow", [signal.SIGKILL, signal.SIGSEGV, signal.SIGSTOP], ids=lambda blow: blow.name
)
async def test_a_process_that_is_struck_is_replaced(case: Case, blow: signal.Signals) -> None:
    async with case.open() as engine:
        pid = engine.pid
        os.kill(pid, blow)
        with pytest.raises(EngineLost):
            await engine.run(engine.card.rungs[0], case.questions(), HANG_S)
        assert len(await ask(engine, *case.questions())) == 3
        assert engine.pid != pid


@every_recogniser
async def test_streams_share_nothing(case: Case) -> None:
    async with case.open() as engine:
        alone = [await ask(engine, audio("a", at, at + 1)) for at in range(4)]
        both = [await ask(engine, audio("b", at, at + 1), audio("c", 0, 1)) for at in range(4)]
    assert [first for first, _ in both] == [heard for (heard,) in alone]


@every_recogniser
async def test_a_stream_goes_on_from_where_it_was(case: Case) -> None:
    async with case.open() as engine:
        await ask(engine, audio("a", 0, 1))
        with pytest.raises(EngineError, match="48000"):
            await ask(engine, audio("a", 3, 4))


@every_recogniser
async def test_a_forgotten_stream_must_begin_afresh(case: Case) -> None:
    async with case.open() as engine:
        await ask(engine, audio("a", 0, 1))
        engine.forget("a")
        engine.forget("never seen")
        with pytest.raises(EngineError):
            await ask(engine, audio("a", 1, 2))
        assert await ask(engine, audio("a", 0, 1))


@every_recogniser
async def test_quiet_audio_brings_the_same_finals_and_no_partial(case: Case) -> None:
    questions = [audio("s", at, at + 1, last=at == 8) for at in range(9)]
    async with case.open() as engine:
        loud = await heard(engine, questions)
        quiet = await heard(engine, [quieten(question) for question in questions])
    assert [said for said in loud if said.final] == quiet != []
    assert quiet != loud


def quieten(question: Audio) -> Audio:
    return replace(question, quiet=True)


async def heard(engine: EngineProcess, questions: Sequence[Audio]) -> list[Hypothesis]:
    said: list[Hypothesis] = []
    for question in questions:
        (answer,) = await ask(engine, question)
        assert isinstance(answer, Heard)
        said += answer.hypotheses
    return said
