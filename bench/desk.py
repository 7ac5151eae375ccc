"""Windows that readers have left on their shelves, and when their posts were answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.posts import MOST_PIECES, Shelf


@dataclass(slots=True)
class Desk:
    """Windows read and not yet answered, from all shelves, oldest first."""

    shelves: Sequence[Shelf]
    most: int
    taken: list[int] = field(default_factory=list)
    windows: list[NDArray[np.int64]] = field(default_factory=list)
    views: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.taken = [0] * len(self.shelves)
        self.views = [shelf.views() for shelf in self.shelves]

    def waiting(self) -> NDArray[np.int64]:
        """All that wait, as shelf * most + place."""
        for number, (count, *_) in enumerate(self.views):
            there = int(count[0])
            if there > self.taken[number]:
                fresh = np.arange(self.taken[number], there) + number * self.most
                self.windows.append(fresh)
                self.taken[number] = there
        return np.concatenate(self.windows) if self.windows else np.empty(0, np.int64)

    def take(self, count: int) -> NDArray[np.int64]:
        waiting = self.waiting()
        taken, rest = waiting[:count], waiting[count:]
        self.windows = [rest] if len(rest) else []
        return taken

    def read(self, windows: NDArray[np.int64], field_: int) -> NDArray[Any]:
        """Pieces (1), lengths (2) or posts (3) of windows."""
        width = (MOST_PIECES,) if field_ == 1 else ()
        found = np.empty((len(windows), *width), np.int32 if field_ == 3 else np.int16)
        shelf, place = np.divmod(windows, self.most)
        for number in np.unique(shelf):
            mine = shelf == number
            found[mine] = self.views[number][field_][place[mine]]
        return found


def post_times(desk: Desk, answered: Any, arrivals: Sequence[Any]) -> NDArray[np.float64]:
    """Milliseconds from each post's arrival to its last window's answer; inf for none."""
    found = []
    for number, (count, _, _, posts) in enumerate(desk.views):
        there = int(count[0])
        last = np.full(len(arrivals[number]), -np.inf)
        mine = answered[number * desk.most : number * desk.most + there]
        np.maximum.at(last, posts[:there], np.nan_to_num(mine, nan=np.inf))
        found.append(1000 * (np.where(np.isinf(last), np.inf, last) - arrivals[number]))
    return np.concatenate(found)
