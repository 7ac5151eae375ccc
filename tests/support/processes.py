"""Processes that this one has started, as Linux tells them."""

from __future__ import annotations

from pathlib import Path


def children() -> set[int]:
    """Of all threads of this process: brokers and browsers that other tests share are among them,
    so whoever sends a signal takes away what was there before.
    """
    tasks = Path("/proc/self/task").iterdir()
    return {int(pid) for task in tasks for pid in (task / "children").read_text().split()}
