"""Questions from the command line, answered without a server: files, posts, texts."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Literal

import orjson
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from stream.adapters.media import Recording
from stream.core import wire
from stream.core.messages import Caption, Message, Translation, Verdict
from stream.core.policies import Policy
from stream.core.subtitles import to_srt, to_text, to_webvtt
from stream.running import notes, printable
from workers.batch import (
    answers,
    ask_moderation,
    ask_translation,
    tell_translation,
    tell_verdict,
)
from workers.engines.process import EngineProcess
from workers.lines import lines_of
from workers.ports import Task
from workers.service import DEFAULT_ENGINES
from workers.transcribe import transcribe

Format = Literal["text", "srt", "vtt", "json"]
STDIN = "-"


async def transcribe_files(sources: list[str], engine: str, form: Format, chunk_ms: int) -> None:
    """Each file through the streaming decoder; text to standard output, progress to standard error.

    Raises Unplayable for the first source that cannot be opened; those before it are written.
    """
    async with _process(engine, "captions") as process:
        for source in sources:
            with Recording(source) as recording, _bar() as bar:
                task = bar.add_task(source[-40:], total=recording.seconds)
                finals: list[Caption] = []
                heard = 0.0
                async for heard, ended in transcribe(
                    process,
                    recording,
                    chunk_ms=chunk_ms,
                    rung=process.card.rungs[-1],
                    name=source,
                ):
                    finals += ended
                    bar.update(task, completed=heard)
            sys.stdout.write(_formatted(source, heard, finals, form))
            sys.stdout.flush()
            if recording.damaged:
                notes.print(f"{source}: {recording.damaged} damaged packets skipped")


async def gate_texts(
    text: str, engine: str, policy: Policy, budget_ms: int | None, show: Callable[[Message], str]
) -> None:
    """The verdict of a text, or of each line of standard input (`-`)."""
    async with _process(engine, "moderation") as process:
        rung = process.card.rungs[-1]
        ask, tell = ask_moderation(policy), tell_verdict(policy, rung)
        found = answers(process, rung, _texts(text), ask, tell, budget_ms=budget_ms)
        await _print(found, show)


async def translate_texts(
    text: str,
    engine: str,
    source: str,
    target: str,
    budget_ms: int | None,
    show: Callable[[Message], str],
) -> None:
    """The translation of a text, or of each line of standard input (`-`)."""
    async with _process(engine, "translation") as process:
        rung = process.card.rungs[-1]
        ask, tell = ask_translation(source, target), tell_translation(target, rung, budget_ms)
        found = answers(process, rung, _texts(text), ask, tell, budget_ms=budget_ms)
        await _print(found, show)


def as_json(message: Message) -> str:
    """The protocol's object on one line."""
    return wire.encode_message(message).decode()


def as_words(message: Message) -> str:
    """For a person."""
    if isinstance(message, Verdict):
        told = " ".join([message.action, *(f"({reason})" for reason in message.reasons)])
    else:
        assert isinstance(message, Translation)
        told = message.text
    return printable(told)


def _process(engine: str, task: Task) -> EngineProcess:
    return EngineProcess(engine or DEFAULT_ENGINES[task], task)


def _texts(text: str) -> AsyncIterator[Sequence[str]]:
    return lines_of(sys.stdin.buffer) if text == STDIN else _one(text)


async def _one(text: str) -> AsyncIterator[Sequence[str]]:
    yield [text]


async def _print(found: AsyncIterator[Message], show: Callable[[Message], str]) -> None:
    async for message in found:
        sys.stdout.write(show(message) + "\n")
        sys.stdout.flush()


def _formatted(source: str, heard: float, finals: list[Caption], form: Format) -> str:
    match form:
        case "text":
            return to_text(finals)
        case "srt":
            return to_srt(finals)
        case "vtt":
            return to_webvtt(finals)
        case "json":
            text = " ".join(final.text for final in finals)
            captions = [orjson.loads(wire.encode_message(final)) for final in finals]
            told = {"file": source, "seconds": heard, "text": text, "captions": captions}
            return orjson.dumps(told).decode() + "\n"


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f} s"),
        TimeRemainingColumn(),
        console=notes,
        transient=True,
    )
