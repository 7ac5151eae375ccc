"""The learning curve, a line of JSON each time, and its picture."""

import json
import time
from pathlib import Path

import torch
from torch import Tensor

from .tasks import Parts


class Curve:
    """Sums stay on the device until they are written."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._sums: list[Tensor] = []
        self._names: tuple[str, ...] = ()
        self._pieces = 0
        self._began = self._since = time.monotonic()

    def add(self, parts: Parts, pieces: int) -> None:
        self._names = tuple(parts)
        self._pieces += pieces
        self._sums.append(torch.stack([p.detach() for p in parts.values()]))

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
            pieces_s=round(self._pieces / (now - self._since)),
            **{name: round(v, 4) for name, v in zip(self._names, means, strict=True)},
        )
        self._sums, self._pieces, self._since = [], 0, now

    def write_held(self, step: int, means: dict[str, float]) -> None:
        self._append(step=step, **{f"held_{name}": round(v, 4) for name, v in means.items()})
        self._since = time.monotonic()

    def _append(self, **entry: float) -> None:
        line = json.dumps(entry)
        print(line, flush=True)
        with self._path.open("a") as file:
            file.write(line + "\n")


def draw_curve(curve: Path, picture: Path) -> None:
    """Losses of training and of the held-out pairs, nats a piece."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    entries = [json.loads(line) for line in curve.read_text().splitlines()]
    names = [n for n in ("ctc", "inner_ctc", "cross_entropy") if any(n in e for e in entries)]
    figure, axis = plt.subplots(figsize=(7, 4), layout="constrained")
    for name in names:
        for kind, style in ((name, "-"), (f"held_{name}", ".--")):
            points = [(e["step"], e[kind]) for e in entries if kind in e]
            axis.plot(*zip(*points, strict=True), style, label=kind.replace("_", " "))
    axis.set_xlabel("step")
    axis.set_ylabel("nats a piece")
    figure.legend(loc="outside upper center", ncols=3)
    figure.savefig(picture, dpi=100)
    plt.close(figure)
