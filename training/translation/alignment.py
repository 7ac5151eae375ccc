"""What a draft has right: a longest common subsequence of draft and target, for a whole batch at
once and with shapes that never depend on what is in it, so that a captured step may hold it."""

import torch
from torch import Tensor


def common_places(draft: Tensor, target: Tensor) -> Tensor:
    """1 + the place in `draft` [B, F] that each piece of `target` [B, T] is paired with, 0 where
    it has none; places rise, and as many as can be are paired. 0 is padding in both."""
    same = (target[:, :, None] == draft[:, None, :]) & (target != 0)[:, :, None]
    before = _table(same)
    after = _table(same.flip(1, 2)).flip(1, 2)
    longest = before[:, -1:, -1:]
    # a pair stands on some longest one if what is before, itself and what is after add up to it
    good = same & (before[:, :-1, :-1] + 1 + after[:, 1:, 1:] == longest)
    place = torch.arange(1, draft.shape[1] + 1, device=draft.device)
    taken = torch.zeros_like(draft[:, 0])
    count = torch.zeros_like(taken)
    paired = []
    for row in range(target.shape[1]):
        fits = good[:, row] & (place > taken[:, None])
        fits = fits & (before[:, row, :-1] == count[:, None])
        first = torch.where(fits, place, draft.shape[1] + 1).amin(-1)
        found = first <= draft.shape[1]
        taken = torch.where(found, first, taken)
        count = count + found
        paired.append(torch.where(found, first, 0))
    return torch.stack(paired, 1)


def _table(same: Tensor) -> Tensor:
    """[B, T + 1, F + 1]: the longest common subsequence of the first so many of each."""
    rows = [torch.zeros_like(same[:, 0, :], dtype=torch.int32)]
    for row in range(same.shape[1]):
        above = rows[-1]
        across = torch.cat([torch.zeros_like(above[:, :1]), above[:, :-1]], 1) + same[:, row]
        rows.append(torch.maximum(above, across).cummax(-1).values)
    table = torch.stack(rows, 1)
    return torch.cat([torch.zeros_like(table[:, :, :1]), table], 2)


def packed_left(values: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
    """The kept values of each row [B, T] moved to its left, zeros behind them; and how many."""
    size = values.shape[1]
    place = torch.where(kept, kept.cumsum(-1) - 1, size)
    out = values.new_zeros(len(values), size + 1).scatter(1, place, values)
    return out[:, :size], kept.sum(-1)
