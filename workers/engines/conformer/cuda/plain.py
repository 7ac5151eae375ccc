"""kernels.py in torch: any device, any precision, and a reference for the tests."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor


def attend(
    projected: Tensor, rows: Tensor, position: Tensor, keys: Tensor, values: Tensor, out: Tensor
) -> Tensor:
    heads, left = keys.shape[1:3]
    frames = projected.shape[1]
    heard = position[rows]
    places = heard[:, None] + torch.arange(frames, device=rows.device)
    query, key, value = (
        part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in projected.chunk(3, -1)
    )
    query, key = _turned(query, places), _turned(key, places)
    query = query * query.shape[-1] ** -0.5
    unused = torch.arange(left, device=rows.device)[None] >= heard[:, None]
    past = query @ keys[rows].transpose(-1, -2)
    past = past.masked_fill(unused[:, None, None], -1e9)
    scores = torch.cat([past, query @ key.transpose(-1, -2)], -1).float().softmax(-1)
    weights = scores.to(value.dtype)
    mixed = weights[..., :left] @ values[rows] + weights[..., left:] @ value
    out.copy_(mixed.transpose(1, 2).flatten(2))
    for ring, new in ((keys, key), (values, value)):
        ring[rows[:, None], :, places % left] = new.transpose(1, 2)
    return out


def _turned(x: Tensor, places: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    rates = 10000.0 ** (-torch.arange(half, device=x.device) / half)
    angles = places[:, None, :, None].float() * rates
    a, b = x.float().chunk(2, -1)
    cos, sin = angles.cos(), angles.sin()
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1).to(x.dtype)


def convolve(
    gated: Tensor, rows: Tensor, cache: Tensor, weights: tuple[Tensor, ...], out: Tensor
) -> Tensor:
    taps, bias, norm_weight, norm_bias = weights
    frames, kernel = gated.shape[1], len(taps)
    padded = torch.cat([cache[rows], gated], 1)
    total = bias.float().expand(gated.shape)
    for k in range(kernel):
        total = total + padded[:, k : k + frames].float() * taps[k].float()
    cache[rows] = padded[:, frames:]
    normed = F.layer_norm(total, total.shape[-1:], norm_weight.float(), norm_bias.float())
    return out.copy_(F.silu(normed))
