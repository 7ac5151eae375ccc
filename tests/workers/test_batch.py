"""One answer for each text, in order, however they come and whatever the engine does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.core.errors import EngineError, EngineLost, Unavailable
from stream.core.messages import Action, Rung, Translation, Verdict
from stream.core.policies import Policy
from tests.support.virtual import run
from workers.batch import (
    BATCH,
    answers,
    ask_moderation,
    ask_translation,
    tell_translation,
    tell_verdict,
)
from workers.ports import Answer, Card, Judge, Question, Render, Rendered, Scored

POLICY = Policy(words=("frogs",), late="block")


class Engine:
    """Scores by the text; `!lost` and `!error` are what they say. Remembers its batches."""

    def __init__(self) -> None:
        self.batches: list[Sequence[Question]] = []
        self.timeouts: list[float] = []

    async def wait_up(self) -> None:
        return None

    async def run(
        self, rung: Rung, questions: Sequence[Question], timeout_s: float
    ) -> Sequence[Answer]:
        self.batches.append(questions)
        self.timeouts.append(timeout_s)
        return [self._answer(question) for question in questions]

    def forget(self, stream: str) -> None:
        return None

    def hurry(self) -> None:
        return None

    def statistics(self) -> Mapping[str, float]:
        return {}

    def _answer(self, question: Question) -> Answer:
        match question:
            case Judge(text="!lost"):
                raise EngineLost("died")
            case Judge(text="!error") | Render(text="!error"):
                raise EngineError("cannot")
            case Judge(text=text, words=words):
                labels = {"toxic": 0.9 * ("bad" in text), "words": 1.0 * (text in words)}
                return Scored(labels=labels)
            case Render(text=text, target=target):
                return Rendered(text=f"[{target}] {text}")
        raise AssertionError(question)


async def groups_of(groups: list[list[str]]) -> AsyncIterator[Sequence[str]]:
    for group in groups:
        yield group


async def judge(
    engine: Engine, groups: list[list[str]], budget_ms: int | None = None
) -> list[Verdict]:
    ask, tell = ask_moderation(POLICY), tell_verdict(POLICY, Rung.VERIFIED)
    found = answers(engine, Rung.VERIFIED, groups_of(groups), ask, tell, budget_ms=budget_ms)
    return [message async for message in found if isinstance(message, Verdict)]


@given(st.lists(st.lists(st.sampled_from(["good", "bad", "frogs"]), max_size=80), max_size=5))
def test_answers_come_in_order_one_for_each_text(groups: list[list[str]]) -> None:
    engine = Engine()
    verdicts = run(judge(engine, groups))
    texts = [text for group in groups for text in group]
    actions = {"good": Action.ALLOW, "bad": Action.BLOCK, "frogs": Action.BLOCK}
    assert [verdict.action for verdict in verdicts] == [actions[text] for text in texts]
    assert [verdict.id for verdict in verdicts] == [str(number) for number in range(len(texts))]
    assert all(0 < len(batch) <= BATCH for batch in engine.batches)


async def test_what_is_there_is_asked_together() -> None:
    engine = Engine()
    await judge(engine, [["good"], ["good"] * (BATCH + 1)])
    assert [len(batch) for batch in engine.batches] == [1, BATCH, 1]


async def test_without_a_budget_a_failure_ends_the_batch() -> None:
    with pytest.raises(EngineLost):
        await judge(Engine(), [["good", "!lost"]])


async def test_with_a_budget_each_text_has_its_own_time_and_a_failure_is_the_policys() -> None:
    engine = Engine()
    verdicts = await judge(engine, [["good", "!lost", "!error", "bad"]], budget_ms=50)
    assert engine.timeouts == [0.05] * 4
    found = [(verdict.action, verdict.degraded) for verdict in verdicts]
    assert found == [
        (Action.ALLOW, False),
        (Action.BLOCK, True),
        (Action.BLOCK, True),
        (Action.BLOCK, False),
    ]
    assert [verdict.rung for verdict in verdicts][1:3] == [Rung.REPEAT] * 2


async def translate(texts: list[str], budget_ms: int | None) -> list[Translation]:
    ask, tell = ask_translation("en", "de"), tell_translation("de", Rung.DRAFT, budget_ms)
    found = answers(Engine(), Rung.DRAFT, groups_of([texts]), ask, tell, budget_ms=budget_ms)
    return [message async for message in found if isinstance(message, Translation)]


async def test_texts_are_translated() -> None:
    (first, second) = await translate(["one", "two"], None)
    assert (first.text, first.language, first.stable) == ("[de] one", "de", len("[de] one"))
    assert (second.id, second.text) == ("1", "[de] two")


async def test_a_translation_that_is_not_there_in_time_is_an_error_that_says_so() -> None:
    with pytest.raises(Unavailable, match="no translation was ready within 50 ms"):
        await translate(["!error"], 50)


CARD = Card(
    name="t", task="translation", rungs=(Rung.DRAFT,), languages=("de",), sources=("en", "fr")
)


def test_a_language_that_is_not_offered_is_refused_before_anything_runs() -> None:
    for source, target, told in (
        ("en", "xx", "target is xx, expected one of de"),
        ("xx", "de", "source is xx, expected one of en, fr, auto"),
    ):
        with pytest.raises(Unavailable, match=told):
            ask_translation(source, target, CARD)


def test_the_source_of_each_line_is_recognised_where_none_is_given() -> None:
    ask = ask_translation("auto", "de", CARD, budget_ms=50)
    english, french = ask("Good morning to you all"), ask("Bonjour à tous mes amis")
    assert isinstance(english, Render)
    assert isinstance(french, Render)
    assert (english.source, french.source, english.left_s) == ("en", "fr", 0.05)
    with pytest.raises(Unavailable, match=r"is in es, expected one of en, fr"):
        ask("¿Dónde está la biblioteca?")
