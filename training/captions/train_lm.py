"""Trains the neural language model by the clock, on texts mixed by given shares."""

import json
import lzma
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from .neural_lm import MARK, LmShape, NeuralLm

SAVE_EVERY_S = 30.0
TOLD_EVERY = 500


@dataclass(frozen=True)
class LmRecipe:
    """`shares` of the rows by text; the novels' begin anywhere, the others' with a sentence."""

    shares: Mapping[str, float]
    peak_rate: float = 3e-3
    warm_steps: int = 300
    rows: int = 512
    dropout: float = 0.1
    weight_decay: float = 0.1
    seed: int = 0
    fuse: bool = True


class Texts:
    """The encoded texts on the device, and rows out of them."""

    def __init__(self, folder: Path, recipe: LmRecipe, length: int, device: torch.device) -> None:
        self._streams = {name: _read(folder / f"{name}.xz").to(device) for name in recipe.shares}
        self._marks = {
            name: (stream[: -length - 1] == MARK).nonzero()[:, 0]
            for name, stream in self._streams.items()
        }
        self._counts = _counts(recipe.shares, recipe.rows)
        self._span = torch.arange(length + 1, device=device)
        self._device = device

    def draw(self) -> Tensor:
        """Rows [B, length + 1], each led by MARK."""
        rows = torch.cat([self._draw(name, count) for name, count in self._counts.items()])
        rows[:, 0] = MARK
        return rows.long()

    def _draw(self, name: str, count: int) -> Tensor:
        stream, marks = self._streams[name], self._marks[name]
        if name == "novels":
            most = len(stream) - len(self._span)
            starts = torch.randint(most, (count,), device=self._device)
        else:
            starts = marks[torch.randint(len(marks), (count,), device=self._device)]
        return stream[starts[:, None] + self._span]


class LmTrainer:
    """`now` tells seconds: the learning rate follows them."""

    def __init__(
        self,
        shape: LmShape,
        recipe: LmRecipe,
        data: Path,
        out: Path,
        device: torch.device,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        torch.manual_seed(recipe.seed)
        self._now = now
        self.began = now()
        self._recipe, self._out, self._device = recipe, out, device
        self._texts = Texts(data, recipe, shape.longest, device)
        self._held = json.loads((data / "held.json").read_text("ascii"))
        self._net = NeuralLm(shape, recipe.dropout).to(device)
        self._optimiser = torch.optim.AdamW(
            self._net.parameters(),
            lr=0.0,
            betas=(0.9, 0.95),
            weight_decay=recipe.weight_decay,
            fused=device.type == "cuda",
        )
        self._loss = torch.compile(self._plain_loss) if recipe.fuse else self._plain_loss
        self._step = 0

    def run(self, seconds: float) -> None:
        """Trains until `seconds` after the start; writes weights as it goes, and at the end."""
        loss = self._learn(0.0)
        first, saved = self._now(), self._now()
        length = max(seconds - (first - self.began), 1.0)
        with suppress(KeyboardInterrupt):
            while (share := (self._now() - first) / length) < 1:
                loss = self._learn(share)
                if self._step % TOLD_EVERY == 0:
                    self._tell(loss)
                if self._now() - saved > SAVE_EVERY_S:
                    saved = self._now()
                    self._save({"lm_step": self._step, "share": round(share, 3)})
        self._save(self._tell(loss))

    def _learn(self, share: float) -> Tensor:
        """One step; `share` of the time is over."""
        self._step += 1
        warm = min(self._step / self._recipe.warm_steps, 1)
        for group in self._optimiser.param_groups:
            group["lr"] = self._recipe.peak_rate * warm * max(1 - share, 0.01)
        loss: Tensor = self._loss(self._texts.draw())
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._net.parameters(), 1.0)
        self._optimiser.step()
        return loss.detach()

    def _plain_loss(self, rows: Tensor) -> Tensor:
        with torch.autocast(self._device.type, torch.bfloat16):
            logits = self._net(rows[:, :-1])
        return F.cross_entropy(logits.flatten(0, 1).float(), rows[:, 1:].flatten())

    def _tell(self, loss: Tensor) -> dict[str, float]:
        told = {
            "lm_step": self._step,
            "seconds": round(self._now() - self.began, 1),
            "loss": round(loss.item(), 4),
        }
        self._net.eval()
        for folder, held in self._held.items():
            told[folder] = round(perplexity(self._net, held["pieces"], held["words"]), 2)
        self._net.train()
        print(json.dumps(told), flush=True)
        return told

    def _save(self, told: Mapping[str, float]) -> None:
        save_lm(self._out, self._net, {**told, "recipe": asdict(self._recipe)})


def perplexity(net: NeuralLm, texts: Sequence[Sequence[int]], words: int) -> float:
    """A word's, the texts' ends counted too."""
    device, total = net.pieces.weight.device, 0.0
    with torch.inference_mode():
        for at in range(0, len(texts), 64):
            rows = [[MARK, *ids, MARK][: net.shape.longest + 1] for ids in texts[at : at + 64]]
            longest = max(map(len, rows))
            padded = torch.tensor([row + [-1] * (longest - len(row)) for row in rows])
            padded = padded.to(device)
            logits = net(padded[:, :-1].clamp(min=MARK)).float()
            total += F.cross_entropy(
                logits.flatten(0, 1), padded[:, 1:].flatten(), ignore_index=-1, reduction="sum"
            ).item()
    return math.exp(total / words)


def save_lm(folder: Path, net: NeuralLm, report: Mapping[str, object]) -> None:
    """Weights in half precision and a report; a save that is cut off leaves the one before."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: w.detach().half().cpu().numpy() for name, w in net.state_dict().items()}
    with (folder / "weights.part").open("wb") as file:
        np.savez(file, **weights)
    (folder / "weights.part").replace(folder / "weights.npz")
    report = {"shape": asdict(net.shape), **report}
    (folder / "report.json").write_text(json.dumps(report, indent=1), encoding="ascii")


def load_lm(folder: Path) -> NeuralLm:
    """Ready to be used, in float32."""
    report = json.loads((folder / "report.json").read_text("ascii"))
    net = NeuralLm(LmShape(**report["shape"]))
    with np.load(folder / "weights.npz") as file:
        net.load_state_dict({name: torch.from_numpy(file[name]).float() for name in file})
    return net.eval()


def _read(path: Path) -> Tensor:
    with lzma.open(path) as file:
        return torch.from_numpy(np.frombuffer(file.read(), dtype="<u2").astype(np.int32))


def _counts(shares: Mapping[str, float], rows: int) -> dict[str, int]:
    """Rows of each text in a batch; what rounding leaves goes to the largest."""
    total = sum(shares.values())
    counts = {name: round(rows * share / total) for name, share in shares.items()}
    counts[max(shares, key=lambda name: shares[name])] += rows - sum(counts.values())
    return counts
