"""How far training has come, and what it looked like on the way."""

import json
import time
from pathlib import Path

import torch
from torch import Tensor

from .losses import Parts
from .parallel import Group
from .recipe import Job


class Clock:
    """How far this job has come on the whole training's curve; the same in all processes.

    `progress` is looked at every `LOOK` steps, since processes have to agree on it.
    """

    LOOK = 25

    def __init__(self, job: Job, began: float, start: float, group: Group) -> None:
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
    """The learning curve, a line of JSON each time; sums stay on the device until then."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._sums: list[Tensor] = []
        self._began = self._since = time.monotonic()

    def add(self, parts: Parts) -> None:
        self._sums.append(torch.stack([p.detach() for p in parts]))

    def write(self, step: int, epoch: int, rate: float, progress: float) -> None:
        means = torch.stack(self._sums).mean(0).tolist()
        now = time.monotonic()
        self._append(
            step=step,
            epoch=epoch,
            seconds=round(now - self._began, 1),
            rate=round(rate, 7),
            progress=round(progress, 4),
            step_ms=round((now - self._since) / len(self._sums) * 1000, 1),
            **{name: round(v, 4) for name, v in zip(Parts._fields, means, strict=True)},
        )
        self._sums, self._since = [], now

    def write_error(self, step: int, phone_error: float, chunk: int = 8) -> None:
        self._append(step=step, chunk=chunk, held_phone_error=round(phone_error, 4))
        self._since = time.monotonic()

    def _append(self, **entry: float) -> None:
        line = json.dumps(entry)
        print(line, flush=True)
        with self._path.open("a") as file:
            file.write(line + "\n")
