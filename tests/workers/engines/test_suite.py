"""What every engine keeps, as its users meet it: in its own process, behind the port."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from dataclasses import replace as dataclass_replace
from functools import cache
from typing import Any, Self

import pytest
from msgspec.structs import replace

from stream.core.errors import EngineError, EngineLost
from stream.core.messages import Rung
from tests.support.scripted import SCRIPTED
from tests.support.speech import read_speech
from workers.engines.codec import HEADER_BYTES, Answers, Failed, Run, decode_reply
from workers.engines.host import answer
from workers.engines.process import EngineProcess
from workers.engines.registry import ENGINES, make_engine
from workers.ports import Answer, Audio, Engine, Heard, Hypothesis, Judge, Question, Render, Task

PATIENCE_S = 30.0
HANG_S = 0.5


@dataclass(frozen=True)
class Case:
    """`model`: the fixture that makes its weights (and `family`, which of them).

    An engine whose library takes seconds to import is asked in this process, once made.
    """

    name: str
    task: Task
    options: dict[str, Any] = field(default_factory=dict)
    model: str = ""
    family: str = ""

    def open(self) -> EngineProcess | InHouse:
        if self.model:
            return InHouse(make_once(self.name, str(self.options["model"])))
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


@cache
def make_once(name: str, model: str) -> Engine:
    return make_engine(ENGINES[name].factory, {"model": model})


class InHouse:
    """An engine as its process would serve it, without the process."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.card = engine.card
        self.pid = os.getpid()
        self.forget = engine.forget

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *ended: object) -> None:
        """Its streams begin afresh, or are forgotten by the tests themselves."""

    async def run(
        self, rung: Rung, questions: Sequence[Question], timeout_s: float
    ) -> Sequence[Answer]:
        frame = bytes(answer(self.engine, Run(1, rung, tuple(questions))))
        reply = decode_reply(frame[HEADER_BYTES:])
        if isinstance(reply, Failed):
            raise EngineError(reply.message)
        assert isinstance(reply, Answers)
        return reply.answers


CASES = [
    *(Case(SCRIPTED, task, {"task": task}) for task in ("captions", "moderation", "translation")),
    Case("rules", "moderation"),
    Case("cascade", "moderation"),
    Case("conformer", "captions"),
    Case("pocketsphinx", "captions", {"decoders": 1}),
    Case("whisper", "captions", model="tiny_whisper"),
    Case("hub", "captions", model="tiny_models", family="wav2vec2"),
]


def each(cases: Sequence[Case]) -> pytest.MarkDecorator:
    names = [f"{case.task}-{case.name}" for case in cases]
    return pytest.mark.parametrize("case", cases, ids=names, indirect=True)


every_engine = each(CASES)
every_process = each([case for case in CASES if not case.model])
every_recogniser = each([case for case in CASES if case.task == "captions"])


@pytest.fixture
def case(request: pytest.FixtureRequest) -> Case:
    """With its weights, where they must be made first."""
    asked: Case = request.param
    if not asked.model:
        return asked
    made = request.getfixturevalue(asked.model)
    folder = made[asked.family] if asked.family else made
    return dataclass_replace(asked, options={"model": str(folder)})


async def ask(engine: EngineProcess | InHouse, *questions: Question) -> Sequence[Answer]:
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


@every_process
@pytest.mark.parametrize(
    "blow", [signal.SIGKILL, signal.SIGSEGV, signal.SIGSTOP], ids=lambda blow: blow.name
)
async def test_a_process_that_is_struck_is_replaced(case: Case, blow: signal.Signals) -> None:
    async with case.open() as engine:
        pid = engine.pid
        assert pid != os.getpid()
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


async def heard(engine: EngineProcess | InHouse, questions: Sequence[Audio]) -> list[Hypothesis]:
    said: list[Hypothesis] = []
    for question in questions:
        (answer,) = await ask(engine, question)
        assert isinstance(answer, Heard)
        said += answer.hypotheses
    return said
