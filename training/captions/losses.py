"""What the recogniser is trained to do: four CTC heads, and two views that must agree."""

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


def ctc_losses(
    logits: Tensor, inner: Tensor, targets: Tensor, labels: list[int], frames: list[int]
) -> tuple[Tensor, Tensor]:
    """Connectionist temporal classification of two heads in one call, summed over the batch."""
    both = torch.cat([logits, inner]).log_softmax(-1).transpose(0, 1)
    losses = F.ctc_loss(
        both, targets.repeat(2, 1), frames * 2, labels * 2, zero_infinity=True, reduction="none"
    )
    last, first = losses.chunk(2)
    return last.sum(), first.sum()


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
    phones: tuple[Tensor, list[int]],
    characters: tuple[Tensor, list[int]],
    frames: tuple[Tensor, list[int]],
    weights: Weights,
    agree: float,
) -> Parts:
    """`phones`, `characters`: labels [2B, *] and their lengths; `frames`: as tensor and as list.

    `agree` in 0..1 scales the consistency loss while training warms up.
    """
    p, inner_p = ctc_losses(logits.phones, logits.inner_phones, *phones, frames[1])
    c, inner_c = ctc_losses(logits.characters, logits.inner_characters, *characters, frames[1])
    per_phone, per_character = 1 / sum(phones[1]), 1 / sum(characters[1])
    # a pair has its labels once, the batch has them twice
    apart = 2 * weights.phones * per_phone * disagreement(logits.phones, frames[0])
    apart += 2 * weights.characters * per_character * disagreement(logits.characters, frames[0])
    spelt = per_phone * (weights.phones * p + weights.inner_phones * inner_p)
    written = per_character * (weights.characters * c + weights.inner_characters * inner_c)
    total = spelt + written + agree * weights.agree * apart
    return Parts(total, p * per_phone, c * per_character, apart)
