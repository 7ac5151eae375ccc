"""Engines by name, and how each is made.

A name is one of those below, with a model behind it where the engine takes one
(`whisper:small.en`), or `package.module:factory` for an engine of the operator's own: whatever
passes the engines' suite will do. Options follow as in an address:
`whisper:small?language=de&beam=1`. Names come from settings, never from a peer.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from stream.core.errors import EngineError, EngineMissing
from workers.ports import Engine, Task


class Entry(NamedTuple):
    """`factory` is `module:function`; `extra` is the part of the installation that it needs.

    `model`: the one that is meant where none is named; "" for engines that bring their own.
    """

    task: Task
    factory: str
    extra: str = ""
    model: str = ""


class Found(NamedTuple):
    """An engine as it is made: its factory, and the options that its name stands for."""

    factory: str
    options: Mapping[str, Any]


ENGINES: dict[str, Entry] = {
    "conformer": Entry("captions", "workers.engines.conformer.engine:make_engine"),
    "pocketsphinx": Entry(
        "captions", "workers.engines.pocketsphinx:make_engine", extra="pocketsphinx"
    ),
    "whisper": Entry("captions", "workers.engines.whisper:make_engine", "whisper", "base.en"),
    "hub": Entry(
        "captions", "workers.engines.hub:make_engine", "hub", "facebook/wav2vec2-base-960h"
    ),
    "cascade": Entry("moderation", "workers.engines.cascade:make_engine"),
    "rules": Entry("moderation", "workers.engines.rules:make_engine"),
    "ctc": Entry(
        "translation",
        "workers.engines.ctc_translation.engine:make_engine",
        model="FOLDER",
    ),
    "ctranslate": Entry(
        "translation",
        "workers.engines.ctranslate:make_engine",
        extra="translation",
        model="OpenNMT/nllb-200-distilled-1.3B-ct2-int8",
    ),
    "seq2seq": Entry(
        "translation", "workers.engines.seq2seq:make_engine", "hub", "Helsinki-NLP/opus-mt-en-de"
    ),
}
TRANSLATION = Path(__file__).parents[1] / "models" / "translation"


def names_of(task: Task) -> tuple[str, ...]:
    """The engines that can do a task, by name."""
    return tuple(name for name, entry in ENGINES.items() if entry.task == task)


def find_engine(name: str, task: Task) -> Found:
    """The engine that an operator asks for. Raises EngineMissing."""
    name, _, query = name.partition("?")
    options = dict(read_option(field) for field in query.split("&") if field)
    head, _, model = name.partition(":")
    entry = ENGINES.get(head)
    if entry is not None and entry.task == task and (entry.model or not model):
        return Found(entry.factory, {"model": model, **options} if model else options)
    if ":" in name and entry is None:
        return Found(name, options)
    asked = f"no {task} engine {name!r}" if name else f"no {task} engine was named"
    there = ", ".join(names_of(task)) or "none yet"
    raise EngineMissing(f"{asked}; there is: {there}; or name your own as package.module:factory")


def read_option(field: str) -> tuple[str, Any]:
    """`name=value`; the value is a number or `true` or `false` where it reads so, else a text."""
    name, equals, value = field.partition("=")
    if not (name.isidentifier() and equals):
        raise EngineMissing(f"engine option is {field!r}, expected name=value")
    try:
        return name, msgspec.json.decode(value, type=bool | int | float)
    except msgspec.MsgspecError:
        return name, value


def make_engine(factory: str, options: Mapping[str, Any]) -> Engine:
    """Import and call a factory. Raises EngineMissing for what is not installed, EngineError for
    options that it does not take.
    """
    module_name, _, attribute = factory.partition(":")
    try:
        make = getattr(importlib.import_module(module_name), attribute)
    except ModuleNotFoundError as error:
        raise EngineMissing(_what_to_install(factory, error)) from error
    except AttributeError as error:
        raise EngineMissing(f"module {module_name} has no {attribute!r}") from error
    _check_options(factory, make, options)
    engine: Engine = make(**options)
    return engine


def _check_options(factory: str, make: Callable[..., Any], options: Mapping[str, Any]) -> None:
    try:
        inspect.signature(make).bind(**options)
    except TypeError as error:
        named = ", ".join(options) or "none"
        raise EngineError(f"engine {factory} was given the options {named}: {error}") from error


def _what_to_install(factory: str, error: ModuleNotFoundError) -> str:
    extra = next((entry.extra for entry in ENGINES.values() if entry.factory == factory), "")
    package = f"ontime[{extra}]" if extra else str(error.name)
    return f"engine {factory} needs the package {error.name}: pip install '{package}'"
