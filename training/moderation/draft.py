"""Trains the draft: logistic regression over hashed spans, one for each label.

It learns what the encoder's teachers say, also of sentences that nobody annotated: it decides which
texts the encoder need not read, so it had better agree with it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from workers.engines.cascade_draft import ROW_BITS, Draft, rows_of

from .batches import Encoded
from .corpus import LABELS
from .model import masked_loss


@dataclass(frozen=True)
class DraftRecipe:
    """`shrink` pulls weights to 0: rare spans say little."""

    passes: int = 3
    batch: int = 256
    rate: float = 0.05
    shrink: float = 0.02
    seed: int = 0


class Linear(nn.Module):
    """Rows of a table, summed and divided by the square root of their number, plus a bias."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.EmbeddingBag(2**ROW_BITS, len(LABELS), mode="sum")
        nn.init.zeros_(self.table.weight)
        self.bias = nn.Parameter(torch.full((len(LABELS),), -2.0))

    def forward(self, rows: Tensor, begins: Tensor, counts: Tensor) -> Tensor:
        """All texts' rows one after the other -> logits [texts, labels]."""
        return self.table(rows, begins) / counts.sqrt()[:, None] + self.bias


def train_draft(epochs: Sequence[Encoded], recipe: DraftRecipe) -> Linear:
    torch.manual_seed(recipe.seed)
    generator = np.random.default_rng(recipe.seed)
    rows = [rows_of(r).astype(np.int32) for encoded in epochs for r in encoded.readings]
    labels = np.concatenate([encoded.labels for encoded in epochs])
    net = Linear()
    optimiser = torch.optim.AdamW(
        net.parameters(), recipe.rate, (0.9, 0.99), weight_decay=recipe.shrink
    )
    steps = recipe.passes * -(-len(rows) // recipe.batch)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.05, steps)
    for number in range(recipe.passes):
        total = 0.0
        for part in _parts(len(rows), recipe.batch, generator):
            logits = net(*joined([rows[i] for i in part]))
            loss = masked_loss(logits, torch.from_numpy(labels[part]))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item() * len(part)
        print(f"draft: pass {number + 1}, loss {total / len(rows):.4f}", flush=True)
    return net.eval()


def joined(rows: Sequence[npt.NDArray[np.integer]]) -> tuple[Tensor, Tensor, Tensor]:
    counts = np.array([len(found) for found in rows])
    begins = np.concatenate(([0], np.cumsum(counts)[:-1]))
    together = torch.from_numpy(np.concatenate(rows).astype(np.int64))
    return together, torch.from_numpy(begins), torch.from_numpy(counts.astype(np.float32))


def _parts(
    count: int, size: int, generator: np.random.Generator
) -> Iterator[npt.NDArray[np.int64]]:
    order = generator.permutation(count)
    yield from (order[i : i + size] for i in range(0, count, size))


def to_eight_bits(net: Linear) -> Draft:
    """A scale for each label; the largest weight is 127."""
    weights = net.table.weight.detach().numpy()
    scale = np.maximum(np.abs(weights).max(0), 1e-9) / 127
    table = np.round(weights / scale).astype(np.int8)
    return Draft(table, scale.astype(np.float32), net.bias.detach().numpy().copy())


def write_draft(path: Path, draft: Draft) -> None:
    np.savez_compressed(path, **draft._asdict())
