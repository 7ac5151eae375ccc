"""What the recogniser is trained to do: four CTC heads, and two views that must agree."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from .model import Logits


@dataclass(frozen=True)
class Weights:
    """Phones decide the words, so their last head weighs most; `agree` as in CR-CTC."""

    phones: float = 0.45
    characters: float = 0.2
    inner_phones: float = 0.2
    inner_characters: float = 0.15
    agree: float = 0.2


DEFAULT = Weights()
#: Log-probability of the classes that a smaller head does not have.
IMPOSSIBLE = -1e4


class Targets:
    """Label sequences of all recordings, padded, on the device."""

    def __init__(self, sequences: list[list[int]], device: torch.device) -> None:
        self.lengths = [len(s) for s in sequences]
        padded = torch.zeros(len(sequences), max(self.lengths), dtype=torch.long)
        for row, sequence in enumerate(sequences):
            padded[row, : len(sequence)] = torch.tensor(sequence)
        self.labels = padded.to(device)

    def of(self, rows: list[int], index: Tensor) -> tuple[Tensor, list[int]]:
        lengths = [self.lengths[r] for r in rows]
        return self.labels[index, : max(lengths)], lengths


class Parts(NamedTuple):
    """The loss and what it is made of, each a label's mean in nats."""

    total: Tensor
    phones: Tensor
    characters: Tensor
    agree: Tensor


Labels = tuple[Tensor, list[int]]


def ctc_losses(
    heads: Sequence[Tensor], labels: Sequence[Labels], frames: list[int]
) -> tuple[Tensor, ...]:
    """Connectionist temporal classification, summed over the batch, one loss a head.

    All heads go through one call: its kernels walk along time and leave most of a GPU idle.
    """
    classes = max(h.shape[-1] for h in heads)
    longest = max(targets.shape[1] for targets, _ in labels)
    scores = [F.pad(h.log_softmax(-1), (0, classes - h.shape[-1]), value=IMPOSSIBLE) for h in heads]
    targets = [F.pad(t, (0, longest - t.shape[1])) for t, _ in labels]
    losses = F.ctc_loss(
        torch.cat(scores).transpose(0, 1),
        torch.cat(targets),
        frames * len(heads),  # type: ignore[arg-type]  # lists, which torch takes too, stay here
        [length for _, lengths in labels for length in lengths],  # type: ignore[arg-type]
        zero_infinity=True,
        reduction="none",
    )
    return tuple(part.sum() for part in losses.chunk(len(heads)))


def disagreement(logits: Tensor, frames: Tensor) -> Tensor:
    """Consistency of two views (Yao et al. 2025, CR-CTC): rows b and b + B/2 are the same speech.

    The sum over frames of both Kullback-Leibler divergences, each towards a fixed target, halved.
    """
    one, other = logits.log_softmax(-1).chunk(2)
    real = torch.arange(one.shape[1], device=one.device)[None] < frames[: len(one), None]
    towards = _divergence(other.detach(), one) + _divergence(one.detach(), other)
    return 0.5 * torch.where(real, towards, 0.0).sum()


def _divergence(target: Tensor, approximation: Tensor) -> Tensor:
    return (target.exp() * (target - approximation)).sum(-1)


def total_loss(
    logits: Logits,
    phones: Labels,
    characters: Labels,
    frames: tuple[Tensor, list[int]],
    agree: float,
    weights: Weights = DEFAULT,
) -> Parts:
    """`phones`, `characters`: labels [2B, *] and their lengths; `frames`: as tensor and as list.

    `agree` in 0..1 scales the consistency loss while training warms up.
    """
    spoken, written, inner_spoken, inner_written = ctc_losses(
        logits, (phones, characters, phones, characters), frames[1]
    )
    per_phone, per_character = 1 / sum(phones[1]), 1 / sum(characters[1])
    # a pair has its labels once, the batch has them twice
    apart = 2 * weights.phones * per_phone * disagreement(logits.phones, frames[0])
    apart = apart + 2 * weights.characters * per_character * disagreement(
        logits.characters, frames[0]
    )
    total = per_phone * (weights.phones * spoken + weights.inner_phones * inner_spoken)
    total = total + per_character * (
        weights.characters * written + weights.inner_characters * inner_written
    )
    total = total + agree * weights.agree * apart
    return Parts(total, spoken * per_phone, written * per_character, apart)
