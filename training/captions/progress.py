"""How far training has come, and what it looked like on the way."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from .parallel import Group


class Limits(Protocol):
    """When a run ends; one of them is given."""

    @property
    def seconds(self) -> float | None: ...

    @property
    def steps(self) -> int | None: ...


class Clock:
    """How far this job has come on the whole training's curve; the same in all processes.

    `progress` is looked at every `LOOK` steps, since processes have to agree on it.
    """

    LOOK = 25

    def __init__(self, job: Limits, began: float, start: float, group: Group) -> None:
        self._job, self._start, self._group = job, start, group
        self._left_s = None if job.seconds is None else job.seconds - (time.monotonic() - began)
        self._began = time.monotonic()
        self._looks = 0
        self.progress = start

    def over(self, step: int) -> bool:
        """To be called once a step."""
        if self._job.steps is not None:
            self.progress = step / self._job.steps
        elif self._looks % self.LOOK == 0:
            self.progress = self._group.agreed(self._share())
        self._looks += 1
        return self.progress >= 1.0

    def _share(self) -> float:
        assert self._left_s is not None
        share = (time.monotonic() - self._began) / max(self._left_s, 1e-9)
        return self._start + (1 - self._start) * share


class Curve:
    """The learning curve, a line of JSON each time; sums stay on the device until then.

    `unit` names what a second's worth is counted of ("pieces"), "" where nothing is counted.
    """

    def __init__(self, path: Path, unit: str = "") -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._unit = unit
        self._sums: list[Tensor] = []
        self._names: tuple[str, ...] = ()
        self._count = 0
        self._began = self._since = time.monotonic()

    def add(self, parts: Mapping[str, Tensor], count: int = 0) -> None:
        """The losses of a step, by name."""
        self._names = tuple(parts)
        self._count += count
        self._sums.append(torch.stack([p.detach() for p in parts.values()]))

    def write(self, step: int, epoch: int, rate: float, progress: float) -> None:
        means = torch.stack(self._sums).mean(0).tolist()
        now = time.monotonic()
        took_s = now - self._since
        self._append(
            step=step,
            epoch=epoch,
            seconds=round(now - self._began, 1),
            rate=round(rate, 7),
            progress=round(progress, 4),
            step_ms=round(took_s / len(self._sums) * 1000, 1),
            **({f"{self._unit}_s": round(self._count / took_s)} if self._unit else {}),
            **{name: round(v, 4) for name, v in zip(self._names, means, strict=True)},
        )
        self._sums, self._count, self._since = [], 0, now

    def write_held(self, step: int, means: Mapping[str, float], **about: float) -> None:
        """What is true of held-out data, by name; `about` says under which conditions."""
        held = {f"held_{name}": round(v, 4) for name, v in means.items()}
        self._append(step=step, **about, **held)
        self._since = time.monotonic()

    def _append(self, **entry: float) -> None:
        line = json.dumps(entry)
        print(line, flush=True)
        with self._path.open("a") as file:
            file.write(line + "\n")
