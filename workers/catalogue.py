"""What engines there are: by name, task, what each needs and whether that is here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.util import find_spec

from stream.core.errors import EngineMissing
from workers.engines.hubs import (
    SOURCES,
    cached_models,
    can_fetch,
    fetch_model,
    find_model,
)
from workers.engines.registry import ENGINES, Entry, find_engine
from workers.ports import Task
from workers.service import DEFAULT_ENGINES

TASKS: tuple[Task, ...] = ("captions", "moderation", "translation")


def lines() -> Iterator[str]:
    """A line for each engine, one for each task that has none, and the models in the cache."""
    for task in TASKS:
        named = {name: entry for name, entry in ENGINES.items() if entry.task == task}
        for name, entry in named.items():
            mark = "default" if DEFAULT_ENGINES[task] == name else ""
            shown = f"{name}:MODEL" if entry.model else name
            yield f"{task:<12} {shown:<16} {_state(entry):<36} {mark}".rstrip()
        if not named:
            yield f"{task:<12} {'-':<16} no engine is shipped yet"
    if can_fetch():
        for name, model in cached_models():
            yield f"{ENGINES[name].task:<12} {name}:{model}  in the cache"


def describe(name: str) -> str:
    """Whether the model behind an engine's name is here, and else what would be fetched.

    Raises EngineMissing where there is no such engine.
    """
    engine, model = split(name)
    if not model:
        return f"{engine} brings its own model"
    source = SOURCES[engine](model)
    try:
        return f"{engine}:{model} is in {find_model(source)}"
    except EngineMissing as error:
        return str(error)


def fetch(names: Iterable[str]) -> Iterator[str]:
    """Fetch the models behind the engines' names; one line for each. Raises EngineMissing."""
    for name in names:
        engine, model = split(name)
        if model:
            yield f"{engine}:{model} is in {fetch_model(SOURCES[engine](model))}"


def split(name: str) -> tuple[str, str]:
    """An engine and the model that it would load; "" where it brings its own."""
    engine = name.partition(":")[0].partition("?")[0]
    entry = ENGINES.get(engine)
    task = entry.task if entry else "captions"
    found = find_engine(name, task)
    model = found.options.get("model", entry.model) if entry else ""
    return engine, str(model) if engine in SOURCES else ""


def _state(entry: Entry) -> str:
    if entry.extra and not find_spec(PACKAGES.get(entry.extra, entry.extra)):
        return f"needs: pip install 'ontime[{entry.extra}]'"
    return f"installed; MODEL is {entry.model}" if entry.model else "installed"


PACKAGES = {
    "whisper": "faster_whisper",
    "hub": "transformers",
    "translation": "ctranslate2",
}
"""The package that an extra brings, where its name is another."""
