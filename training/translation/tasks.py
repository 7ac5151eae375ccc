"""What a step computes: the part that is captured, and the loss made of what it gives."""

from typing import Protocol

import torch
from torch import Tensor, nn

from .batches import Batch
from .losses import (
    agreement_loss,
    ctc_loss,
    ctc_picks,
    picked_log_probs,
    plain_loss,
    smoothed_loss,
)
from .model import Translator
from .recipe import Recipe, StudentWeights

Parts = dict[str, Tensor]


class Task(Protocol):
    """`step` runs with tensors of fixed shape and never waits for the host; `parts` may."""

    @property
    def step(self) -> nn.Module: ...

    def parts(self, outputs: tuple[Tensor, ...], batch: Batch) -> Parts:
        """Means a piece, in nats; `total` is what is minimised."""
        ...


class TeacherStep(nn.Module):
    def __init__(self, net: Translator, recipe: Recipe) -> None:
        super().__init__()
        self.net, self.recipe = net, recipe

    def forward(
        self, source: Tensor, length: Tensor, shifted: Tensor, target: Tensor
    ) -> tuple[Tensor, ...]:
        net, recipe = self.net, self.recipe
        twice = recipe.agree > 0 and net.training
        if twice:
            source, length, shifted, target = (
                torch.cat([x, x]) for x in (source, length, shifted, target)
            )
        states = net.decode(shifted, net.encode(source, length), length)
        smoothing = recipe.smoothing if net.training else 0.0
        entropy = smoothed_loss(states, net.table, target, smoothing)
        if not twice:
            return (entropy,)
        return entropy / 2, agreement_loss(states, net.table, target)


class Teaching:
    def __init__(self, net: Translator, recipe: Recipe) -> None:
        self.step = TeacherStep(net, recipe)
        self._agree = recipe.agree

    def parts(self, outputs: tuple[Tensor, ...], batch: Batch) -> Parts:
        entropy, *apart = (part / _pieces(batch) for part in outputs)
        if not apart:
            return {"total": entropy, "cross_entropy": entropy}
        total = entropy + self._agree * apart[0]
        return {"total": total, "cross_entropy": entropy, "apart": apart[0]}


class StudentStep(nn.Module):
    def __init__(self, net: Translator, feed_back: bool) -> None:
        super().__init__()
        self.net, self.feed_back = net, feed_back

    def forward(
        self, source: Tensor, length: Tensor, shifted: Tensor, target: Tensor
    ) -> tuple[Tensor, ...]:
        net = self.net
        memory = net.encode(source, length)
        drafts = net.draft(memory, length, self.feed_back)
        picks = ctc_picks(target, drafts.final.shape[1])
        states = net.decode(shifted, memory, length)
        return (
            picked_log_probs(drafts.final, net.table, picks),
            picked_log_probs(drafts.inner, net.table, picks),
            plain_loss(states, net.table, target),
        )


class Learning:
    """A student learns to draft and to decode at once."""

    def __init__(
        self, net: Translator, weights: StudentWeights | None = None, feed_back: bool = True
    ) -> None:
        self.step = StudentStep(net, feed_back)
        self._weights = weights or StudentWeights()
        self._split = net.shape.split
        if not feed_back and net.drafter is not None:
            net.drafter.feedback.requires_grad_(False)

    def parts(self, outputs: tuple[Tensor, ...], batch: Batch) -> Parts:
        final, inner, entropy = outputs
        frames = batch.length * self._split
        counts = [n * self._split for n in batch.source_lengths]
        pieces = _pieces(batch)
        ctc, inner_ctc = (
            ctc_loss(picked, batch.target, frames, counts, batch.target_lengths) / pieces
            for picked in (final, inner)
        )
        entropy = entropy / pieces
        w = self._weights
        total = w.ctc * ctc + w.inner_ctc * inner_ctc + w.cross_entropy * entropy
        return {
            "total": total,
            "ctc": ctc.detach(),
            "inner_ctc": inner_ctc.detach(),
            "cross_entropy": entropy.detach(),
        }


def _pieces(batch: Batch) -> int:
    """Pieces to say, ends among them."""
    return sum(batch.target_lengths) + len(batch.target_lengths)
