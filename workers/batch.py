"""Texts from a script: one question a line in, one answer a line out, in order."""

from __future__ import annotations

import itertools
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Sequence

from msgspec import UNSET
from msgspec.structs import replace

from stream.core import faults
from stream.core.errors import EngineError, Unavailable
from stream.core.messages import Latency, Message, Rung, Translation, Verdict
from stream.core.policies import Policy
from stream.core.records import AUTO
from workers.core.policy import Findings
from workers.exceptions import Exceptions
from workers.languages import load_detector
from workers.moderation import degraded_verdict, make_verdict, question
from workers.ports import Answer, Card, Question, Render, Rendered, RunsEngine, Scored

BATCH = 32
PATIENCE_S = 120.0

Ask = Callable[[str], Question]
Tell = Callable[[str, Answer | None, Latency], Message]


async def answers(
    engine: RunsEngine,
    rung: Rung,
    texts: AsyncIterable[Sequence[str]],
    ask: Ask,
    tell: Tell,
    *,
    budget_ms: int | None = None,
) -> AsyncIterator[Message]:
    """The answers, in order, to texts that come in groups, as many as were there.

    With a budget, a text that is not answered within it gets `None` told; without one, an engine
    that fails raises EngineError.
    """
    timeout_s = PATIENCE_S if budget_ms is None else budget_ms / 1000
    size = BATCH if budget_ms is None else 1
    numbers = itertools.count()
    async for there in texts:
        for at in range(0, len(there), size):
            group = there[at : at + size]
            began = time.monotonic()
            found = await _run(engine, rung, [ask(text) for text in group], timeout_s, budget_ms)
            took_ms = round((time.monotonic() - began) * 1000 / len(group), 3)
            for answer in found:
                yield tell(str(next(numbers)), answer, Latency(decode_ms=took_ms, total_ms=took_ms))


async def _run(
    engine: RunsEngine,
    rung: Rung,
    questions: Sequence[Question],
    timeout_s: float,
    budget_ms: int | None,
) -> Sequence[Answer | None]:
    try:
        return await engine.run(rung, questions, timeout_s)
    except EngineError:
        if budget_ms is None:
            raise
        return [None] * len(questions)


def ask_moderation(policy: Policy) -> Ask:
    exceptions = Exceptions()
    return lambda text: question(text, policy, exceptions)


def tell_verdict(policy: Policy, rung: Rung) -> Tell:
    """The protocol's verdict; without an answer, the policy's word for that."""

    def tell(number: str, answer: Answer | None, latency: Latency) -> Verdict:
        if answer is None:
            return degraded_verdict(number, policy, latency)
        assert isinstance(answer, Scored)
        findings = Findings(answer.labels, answer.found)
        verdict = make_verdict(number, findings, policy, rung, latency)
        return replace(verdict, reasons=verdict.reasons + answer.reasons)

    return tell


def ask_translation(
    source: str, target: str, card: Card | None = None, budget_ms: int | None = None
) -> Ask:
    """Of the engine with this `card`: the source may then be `auto`.

    Raises Unavailable for a language that it does not offer, and so does what is returned, for a
    text that is surely in another one.
    """
    sources = (card.sources or card.languages[:1]) if card else ()
    for name, found, offered in (
        ("source", source, (*sources, AUTO)),
        ("target", target, card.languages if card else ()),
    ):
        if card and found not in offered:
            raise Unavailable(f"{name} is {found}, expected one of {', '.join(offered)}")

    def ask(text: str) -> Render:
        left_s = None if budget_ms is None else budget_ms / 1000
        return Render(text=text, source=recognised(text), target=target, left_s=left_s)

    def recognised(text: str) -> str:
        if source != AUTO:
            return source
        found = load_detector().source_of(text, sources)
        if found and found.language not in sources:
            offered, told = ", ".join(sources), faults.shorten(text)
            raise Unavailable(f"text {told} is in {found.language}, expected one of {offered}")
        return found.language if found else sources[0]

    return ask


def tell_translation(target: str, rung: Rung, budget_ms: int | None) -> Tell:
    """The protocol's translation. Raises Unavailable where none came in time."""

    def tell(number: str, answer: Answer | None, latency: Latency) -> Translation:
        if answer is None:
            raise Unavailable(f"no translation was ready within {budget_ms} ms")
        assert isinstance(answer, Rendered)
        return Translation(
            id=number,
            text=answer.text,
            stable=len(answer.text),
            language=target,
            acceptance="relaxed" if answer.relaxed else UNSET,
            rung=answer.rung or rung,
            latency=latency,
            budget_ms=budget_ms or 0,
            degraded=answer.rung not in {None, rung},
        )

    return tell
