"""What engines there are: by name, task, what each needs and whether that is installed."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

from workers.engines.registry import ENGINES, Entry
from workers.ports import Task
from workers.service import DEFAULT_ENGINES

TASKS: tuple[Task, ...] = ("captions", "moderation", "translation")


def lines() -> Iterator[str]:
    """A line for each engine, and one for each task that has none."""
    for task in TASKS:
        named = {name: entry for name, entry in ENGINES.items() if entry.task == task}
        for name, entry in named.items():
            mark = "default" if DEFAULT_ENGINES[task] == name else ""
            yield f"{task:<12} {name:<16} {_state(name, entry):<32} {mark}".rstrip()
        if not named:
            yield f"{task:<12} {'-':<16} no engine is shipped yet"


def _state(name: str, entry: Entry) -> str:
    if not entry.extra or find_spec(entry.extra.replace("-", "_")):
        return "installed"
    return f"needs: pip install 'ontime[{entry.extra}]'"
