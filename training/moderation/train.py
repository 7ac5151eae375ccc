"""Trains the encoder; an interrupted run goes on from its last checkpoint."""

import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from .model import Encoder, masked_loss
from .parts import write_parts
from .table import Table, batches

TOLD_EVERY = 50


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights but data and shape. `average`: weights are averaged
    over the last share of training."""

    batch: int = 32
    peak_rate: float = 1.5e-4
    layer_decay: float = 0.9
    floor: float = 0.02
    warm_share: float = 0.06
    weight_decay: float = 0.01
    clip: float = 1.0
    average: float = 0.2
    seed: int = 0

    def rate(self, progress: float) -> float:
        """Linear warm-up, then a cosine down to `floor`, over progress 0 to 1."""
        warm = min(1.0, progress / self.warm_share + 0.01)
        cosine = 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
        return self.peak_rate * warm * (cosine * (1 - self.floor) + self.floor)


@dataclass(frozen=True)
class Job:
    """One run: it ends after `steps`, or after `seconds` of training in all where they come first.

    A run that is bound by seconds is repeatable only on a machine of the same speed.
    """

    out: Path
    device: torch.device
    steps: int
    seconds: float = math.inf
    every_s: float = 120.0


@dataclass
class State:
    """Where training stands. `batch` counts within the epoch."""

    step: int = 0
    epoch: int = 0
    batch: int = 0
    seconds: float = 0.0
    averaged: int = 0


class Trainer:
    """Holds network, optimiser and averaged weights. `epochs` are shown in turn."""

    def __init__(self, net: Encoder, recipe: Recipe, job: Job, epochs: Sequence[Table]) -> None:
        self._net, self._recipe, self._job, self._epochs = net.to(job.device), recipe, job, epochs
        self._average = {name: t.detach().clone() for name, t in net.state_dict().items()}
        self._optimiser = torch.optim.AdamW(
            _by_depth(net, recipe),
            weight_decay=recipe.weight_decay,
            fused=job.device.type == "cuda",
        )
        self._state = State()
        job.out.mkdir(parents=True, exist_ok=True)
        if (job.out / "state.json").exists():
            self._resume()

    def run(self) -> Encoder:
        """The averaged weights at the end; they are also written, as `write_parts` does."""
        state, last, saved = self._state, time.monotonic(), time.monotonic()
        torch.manual_seed(self._recipe.seed + state.step)
        sums: list[Tensor] = []
        for batch in self._batches():
            sums.append(self._step(*batch))
            state.step, state.batch = state.step + 1, state.batch + 1
            if state.step % TOLD_EVERY == 0:
                told = float(torch.stack(sums).mean())
                now = time.monotonic()
                state.seconds, last = state.seconds + now - last, now
                self._tell(told)
                sums = []
                if now - saved > self._job.every_s:
                    self._save()
                    saved = now
            if self._progress() >= 1:
                break
        self._save()
        write_parts(self._job.out, self._net.shape, self._average)
        self._net.load_state_dict(self._average)
        return self._net.eval()

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        state, recipe = self._state, self._recipe
        while self._progress() < 1:
            table = self._epochs[state.epoch % len(self._epochs)]
            generator = np.random.default_rng([recipe.seed, state.epoch])
            for number, batch in enumerate(batches(table, recipe.batch, generator)):
                if number >= state.batch:
                    yield batch
            state.epoch, state.batch = state.epoch + 1, 0

    def _step(self, pieces: Tensor, labels: Tensor) -> Tensor:
        device, recipe = self._job.device, self._recipe
        progress = self._progress()
        for group in self._optimiser.param_groups:
            group["lr"] = recipe.rate(progress) * group["scale"]
        self._net.train()
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            logits = self._net(pieces)
        loss = masked_loss(logits, labels)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self._net.parameters(), recipe.clip)
        self._optimiser.step()
        self._add_to_average(progress)
        return loss.detach()

    def _add_to_average(self, progress: float) -> None:
        """Before the last share the average is the newest weights."""
        state = self._state
        state.averaged = state.averaged + 1 if progress >= 1 - self._recipe.average else 0
        if state.averaged == 0 and state.step % TOLD_EVERY:
            return
        share = 1 / max(state.averaged, 1)
        newest = list(self._net.state_dict().values())
        torch._foreach_lerp_(list(self._average.values()), newest, share)

    def _progress(self) -> float:
        state, job = self._state, self._job
        return max(state.step / job.steps, state.seconds / job.seconds)

    def _tell(self, loss: float) -> None:
        state = self._state
        line = {**asdict(state), "loss": round(loss, 4), "progress": round(self._progress(), 4)}
        line["seconds"] = round(state.seconds, 1)
        with (self._job.out / "curve.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)

    def _save(self) -> None:
        """Weights, their average, the optimiser's moments; then the state, which makes it count."""
        net = {f"net.{n}": t.contiguous() for n, t in self._net.state_dict().items()}
        average = {f"average.{n}": t.contiguous() for n, t in self._average.items()}
        moments = {
            f"moment.{number}.{name}": value
            for number, entry in self._optimiser.state_dict()["state"].items()
            for name, value in entry.items()
        }
        part = self._job.out / "weights.part"
        save_file({k: v.to("cpu") for k, v in (net | average | moments).items()}, part)
        part.replace(self._job.out / "weights.safetensors")
        recipe = asdict(self._recipe)
        told = {"state": asdict(self._state), "recipe": recipe, "shape": self._net.shape.as_dict()}
        (self._job.out / "state.json").write_text(json.dumps(told, indent=1) + "\n")

    def _resume(self) -> None:
        told = json.loads((self._job.out / "state.json").read_text())
        self._state = State(**told["state"])
        weights = load_file(self._job.out / "weights.safetensors", str(self._job.device))
        self._net.load_state_dict(_under("net.", weights))
        average = _under("average.", weights)
        self._average = {name: average[name] for name in self._average}
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _under("moment.", weights).items():
            number, _, what = name.partition(".")
            moments.setdefault(int(number), {})[what] = tensor.cpu() if what == "step" else tensor
        groups = self._optimiser.state_dict()["param_groups"]
        self._optimiser.load_state_dict({"state": moments, "param_groups": groups})
        print(f"goes on at step {self._state.step}", flush=True)


def _under(prefix: str, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): t for n, t in weights.items() if n.startswith(prefix)}


def _by_depth(net: Encoder, recipe: Recipe) -> list[dict[str, object]]:
    """Lower layers learn slower: what MiniLM knows of language stays."""
    below = [net.pieces, net.positions, net.norm]
    parts: list[tuple[list[nn.Parameter], float]] = [
        ([p for part in below for p in part.parameters()], recipe.layer_decay ** len(net.layers))
    ]
    for number, layer in enumerate(net.layers):
        scale = recipe.layer_decay ** (len(net.layers) - 1 - number)
        parts.append((list(layer.parameters()), scale))
    parts.append((list(net.head.parameters()), 5.0))
    trained = parts if net.frozen < 0 else parts[1 + net.frozen :]
    return [{"params": params, "scale": scale} for params, scale in trained]
