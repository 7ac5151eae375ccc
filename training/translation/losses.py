"""Cross-entropy and CTC over a tied table without ever holding all logits.

CTC looks at the blank and at a target's own pieces only, so of each frame's log-probs those are
picked and the rest is summed up on the way (`picked_log_probs`); logits are made slice by slice,
once forwards and once backwards.
"""

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from .pieces import BLANK, END

SLICE_ROWS = 16384
#: torch.ctc_loss takes a number: a loss for each row.
NOT_REDUCED = 0


class _Picked(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, states: Tensor, table: Tensor, picks: Tensor, kind: torch.dtype
    ) -> Tensor:
        narrow, weights = states.to(kind), table.to(kind)
        out = torch.empty(picks.shape, dtype=torch.float32, device=states.device)
        for at in range(0, len(states), SLICE_ROWS):
            part = slice(at, at + SLICE_ROWS)
            scores = (narrow[part] @ weights.T).log_softmax(-1, dtype=torch.float32)
            out[part] = scores.gather(1, picks[part])
        ctx.save_for_backward(states, table, picks)
        ctx.kind = kind
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        states, table, picks = ctx.saved_tensors
        grad = grads[0].to(ctx.kind)
        whole = grads[0].sum(-1, keepdim=True).to(ctx.kind)
        narrow, weights = states.to(ctx.kind), table.to(ctx.kind)
        to_states = torch.empty_like(states)
        to_table = torch.zeros_like(table)
        for at in range(0, len(states), SLICE_ROWS):
            part = slice(at, at + SLICE_ROWS)
            wide = (narrow[part] @ weights.T).softmax(-1).mul_(-whole[part])
            wide.scatter_add_(1, picks[part], grad[part])
            to_states[part] = (wide @ weights).to(states.dtype)
            to_table += (wide.T @ narrow[part]).to(table.dtype)
        return to_states, to_table, None, None


def picked_log_probs(states: Tensor, table: Tensor, picks: Tensor) -> Tensor:
    """Log-probs [..., K] of the pieces `picks` [..., K] in each of `states` [..., width]."""
    flat = _Picked.apply(
        states.flatten(0, -2), table, picks.flatten(0, -2), _product_type(states.device)
    )
    out: Tensor = flat.view(picks.shape)
    return out


def _product_type(device: torch.device) -> torch.dtype:
    if torch.is_autocast_enabled(device.type):
        return torch.get_autocast_dtype(device.type)
    return torch.float32


def ctc_picks(targets: Tensor, frames: int) -> Tensor:
    """What CTC looks at in each frame [B, frames, 1 + T]: the blank, then the target's pieces.
    `targets` [B, T] are padded with blanks, and may hold ends, which count as padding."""
    labels = targets.masked_fill(targets == END, BLANK)
    row = torch.cat([torch.full_like(labels[:, :1], BLANK), labels], 1)
    return row[:, None].expand(-1, frames, -1)


def ctc_loss(
    picked: Tensor, targets: Tensor, frames: Tensor, frame_counts: list[int], counts: list[int]
) -> Tensor:
    """Summed CTC loss of log-probs [B, F, 1 + T] that `ctc_picks` chose, in nats.

    `frames` [B] and `frame_counts` are the same numbers on the device and on the host, `counts`
    the lengths of the targets. A target that its frames cannot spell counts nothing.

    Equal pieces of a target become one class, its first place, so the library's loss sees as
    many classes as the target has pieces. It takes for granted that log-probs sum to one and
    adds their exponentials to the gradient; that is taken back here (a test compares with
    the loss over all classes).
    """
    log_probs = picked.float().transpose(0, 1)
    nll = torch.ctc_loss(
        log_probs,
        first_places(targets),
        frame_counts,
        counts,
        blank=0,
        reduction=NOT_REDUCED,
        zero_infinity=True,
    )
    real = torch.arange(picked.shape[1], device=picked.device)[:, None] < frames[None]
    real = real & (nll.detach() > 0)[None]
    extra = (log_probs.exp() * real[..., None]).sum()
    return nll.sum() - (extra - extra.detach())


def first_places(targets: Tensor) -> Tensor:
    """1 + the first place of each piece in its row, [B, T]."""
    places = torch.arange(targets.shape[1], device=targets.device)
    same = targets[:, :, None] == targets[:, None, :]
    return 1 + torch.where(same, places, targets.shape[1]).amin(-1)


def smoothed_loss(states: Tensor, table: Tensor, targets: Tensor, smoothing: float) -> Tensor:
    """Summed label-smoothed cross-entropy of [B, T, width], padding left out."""
    logits = F.linear(states, table).float().flatten(0, -2)
    return F.cross_entropy(
        logits,
        targets.flatten(),
        ignore_index=BLANK,
        reduction="sum",
        label_smoothing=smoothing,
    )


def agreement_loss(states: Tensor, table: Tensor, targets: Tensor) -> Tensor:
    """Summed symmetric divergence of the batch's two halves, which hold the same pairs under
    different dropout (R-Drop: Wu et al. 2021)."""
    first, second = (F.linear(half, table).float().log_softmax(-1) for half in states.chunk(2))
    apart = ((first.exp() - second.exp()) * (first - second)).sum(-1) / 2
    return (apart * (targets.chunk(2)[0] != BLANK)).sum()


def plain_loss(states: Tensor, table: Tensor, targets: Tensor) -> Tensor:
    """Summed cross-entropy, padding left out, by slices."""
    picked = picked_log_probs(states, table, targets[..., None])[..., 0]
    return -(picked * (targets != BLANK)).sum()
