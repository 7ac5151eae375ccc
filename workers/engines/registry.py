"""Engines by name, and how each is made.

A name is one of those below, or `package.module:factory` for an engine of the operator's own:
whatever passes the engines' suite will do. Names come from settings, never from a peer.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from stream.core.errors import EngineMissing
from workers.ports import Engine, Task


class Entry(NamedTuple):
    """`factory` is `module:function`; `extra` is the part of the installation that it needs."""

    task: Task
    factory: str
    extra: str = ""


ENGINES: dict[str, Entry] = {
    "pocketsphinx": Entry("captions", "workers.engines.pocketsphinx:make_engine"),
    "rules": Entry("moderation", "workers.engines.rules:make_engine"),
}


def names_of(task: Task) -> tuple[str, ...]:
    """The engines that can do a task, by name."""
    return tuple(name for name, entry in ENGINES.items() if entry.task == task)


def find_factory(name: str, task: Task) -> str:
    """The factory of the engine that an operator asks for. Raises EngineMissing."""
    if ":" in name:
        return name
    entry = ENGINES.get(name)
    if entry is not None and entry.task == task:
        return entry.factory
    asked = f"no {task} engine {name!r}" if name else f"no {task} engine was named"
    there = ", ".join(names_of(task)) or "none yet"
    raise EngineMissing(f"{asked}; there is: {there}; or name your own as package.module:factory")


def make_engine(factory: str, options: Mapping[str, Any]) -> Engine:
    """Import and call a factory. Raises EngineMissing for what is not installed."""
    module_name, _, attribute = factory.partition(":")
    try:
        make = getattr(importlib.import_module(module_name), attribute)
    except ModuleNotFoundError as error:
        raise EngineMissing(_what_to_install(factory, error)) from error
    except AttributeError as error:
        raise EngineMissing(f"module {module_name} has no {attribute!r}") from error
    engine: Engine = make(**options)
    return engine


def _what_to_install(factory: str, error: ModuleNotFoundError) -> str:
    extra = next((entry.extra for entry in ENGINES.values() if entry.factory == factory), "")
    package = f"ontime[{extra}]" if extra else str(error.name)
    return f"engine {factory} needs the package {error.name}: pip install '{package}'"
