"""Questions from the command line, answered without a server: files, posts, texts."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from stream.adapters.media import Reading
from stream.core import wire
from stream.core.messages import Caption, Message, Translation, Verdict
from stream.core.policies import Policy
from stream.core.subtitles import Format, to_srt, to_text, to_webvtt
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

STDIN = "-"
ENDINGS: dict[Format, str] = {"text": "txt", "srt": "srt", "vtt": "vtt", "json": "json"}


class Wanted(NamedTuple):
    """How recordings are transcribed.

    `source_form`  FFmpeg's input format, where it cannot be seen
    `verbatim`  words as they were spoken: no case, punctuation, digits or masks
    `out`       a folder for a file each, in place of standard output
    """

    engine: str = ""
    form: Format = "text"
    chunk_ms: int = 320
    verbatim: bool = False
    out: Path | None = None
    source_form: str = ""


class Transcript:
    """What has been heard of a source so far."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.finals: list[Caption] = []


async def transcribe_files(sources: Sequence[str], wanted: Wanted) -> None:
    """Each file through the streaming decoder; progress goes to standard error.

    A source that breaks off, or is ended by Ctrl-C, is written as far as it was heard. Raises
    Unplayable for the first source that cannot be opened; those before it are written.
    """
    options = {"verbatim": True} if wanted.verbatim else {}
    async with _process(wanted.engine, "captions", options) as process:
        for source, stem in zip(sources, stems_of(sources), strict=True):
            async with Reading(source, form=wanted.source_form) as reading:
                heard = Transcript()
                try:
                    with _bar() as bar:
                        await _transcribe(process, reading, wanted.chunk_ms, bar, heard)
                except BaseException:
                    if heard.finals:
                        _tell(source, heard, wanted, stem)
                    raise
                _tell(source, heard, wanted, stem)
            if reading.damaged:
                notes.print(f"{source}: {reading.damaged} damaged packets skipped")


def _tell(source: str, heard: Transcript, wanted: Wanted, stem: str) -> None:
    text = _formatted(source, heard.seconds, heard.finals, wanted.form)
    _write(text, wanted.out and wanted.out / f"{stem}.{ENDINGS[wanted.form]}")


async def _transcribe(
    process: EngineProcess, reading: Reading, chunk_ms: int, bar: Progress, heard: Transcript
) -> None:
    name, rung = reading.source, process.card.rungs[-1]
    task = bar.add_task(printable(name)[-40:], total=reading.seconds)
    async for seconds, ended in transcribe(
        process, reading, chunk_ms=chunk_ms, rung=rung, name=name
    ):
        heard.seconds = seconds
        heard.finals += ended
        bar.update(task, completed=seconds)


def stems_of(sources: Sequence[str]) -> list[str]:
    """A name for a file of each, all different: talk, talk-2."""
    stems: list[str] = []
    for source in sources:
        path = urlsplit(source).path if "://" in source else source
        stem = PurePath(path).stem.strip("-") or "recording"
        name, number = stem, 1
        while name in stems:
            number += 1
            name = f"{stem}-{number}"
        stems.append(name)
    return stems


def _write(text: str, path: Path | None) -> None:
    """To standard output where there is no path."""
    if path is None:
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    notes.print(printable(str(path)))


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
        ask = ask_translation(source, target, process.card, budget_ms)
        tell = tell_translation(target, rung, budget_ms)
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


def _process(engine: str, task: Task, options: Mapping[str, Any] | None = None) -> EngineProcess:
    return EngineProcess(engine or DEFAULT_ENGINES[task], task, options)


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
