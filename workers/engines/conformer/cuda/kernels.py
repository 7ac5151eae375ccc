"""Attention over rings and the causal convolution, each as one kernel that writes its cache.

A kernel reads a stream's cache where it lies, by its row in the pool, and leaves the new frames in
it: nothing is gathered, copied or shifted. plain.py says the same in torch.
"""

# ruff: noqa: N803, PLR0913, PLR0917 - Triton's constants are capitals; kernels take what they take

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

LOG2_10000 = 13.287712379549449


@triton.jit  # type: ignore[untyped-decorator]
def _attend(  # type: ignore[no-untyped-def]
    projected,
    rows,
    position,
    keys,
    values,
    out,
    frames,
    scale,
    rate,
    LEFT: tl.constexpr,
    HEADS: tl.constexpr,
    HEAD: tl.constexpr,
    SLOTS: tl.constexpr,
    FRAMES: tl.constexpr,
):
    stream, head = tl.program_id(0), tl.program_id(1)
    row = tl.load(rows + stream).to(tl.int64)
    heard = tl.load(position + row)
    kind = keys.dtype.element_ty
    width: tl.constexpr = HEADS * HEAD
    frame, half, whole = tl.arange(0, FRAMES), tl.arange(0, HEAD // 2), tl.arange(0, HEAD)
    real = frame < frames
    start = stream.to(tl.int64) * frames * 3 * width + head * HEAD
    at = projected + start + frame[:, None] * (3 * width) + half[None]
    mask = real[:, None]
    angles = (heard + frame).to(tl.float32)[:, None] * tl.exp2(half.to(tl.float32) * rate)[None]
    cos, sin = tl.cos(angles), tl.sin(angles)
    a = tl.load(at, mask=mask, other=0.0).to(tl.float32)
    b = tl.load(at + HEAD // 2, mask=mask, other=0.0).to(tl.float32)
    query_a = ((a * cos - b * sin) * scale).to(kind)
    query_b = ((a * sin + b * cos) * scale).to(kind)
    a = tl.load(at + width, mask=mask, other=0.0).to(tl.float32)
    b = tl.load(at + width + HEAD // 2, mask=mask, other=0.0).to(tl.float32)
    key_a, key_b = (a * cos - b * sin).to(kind), (a * sin + b * cos).to(kind)
    value = tl.load(
        projected + start + 2 * width + frame[:, None] * (3 * width) + whole[None],
        mask=mask,
        other=0.0,
    )
    slot = tl.arange(0, SLOTS)
    there = (slot < LEFT)[:, None]
    ring = (row * HEADS + head) * LEFT * HEAD
    past = keys + ring + slot[:, None] * HEAD + half[None]
    past_a = tl.load(past, mask=there, other=0.0)
    past_b = tl.load(past + HEAD // 2, mask=there, other=0.0)
    past_value = tl.load(values + ring + slot[:, None] * HEAD + whole[None], mask=there, other=0.0)
    old = tl.dot(query_a, tl.trans(past_a), input_precision="ieee")
    old += tl.dot(query_b, tl.trans(past_b), input_precision="ieee")
    old = tl.where((slot < tl.minimum(heard, LEFT))[None], old, -1e9)
    new = tl.dot(query_a, tl.trans(key_a), input_precision="ieee")
    new += tl.dot(query_b, tl.trans(key_b), input_precision="ieee")
    new = tl.where(real[None], new, -1e9)
    most = tl.maximum(tl.max(old, 1), tl.max(new, 1))
    old, new = tl.exp(old - most[:, None]), tl.exp(new - most[:, None])
    total = tl.sum(old, 1) + tl.sum(new, 1)
    mixed = tl.dot(old.to(kind), past_value, input_precision="ieee")
    mixed += tl.dot(new.to(kind), value, input_precision="ieee")
    mixed = mixed / total[:, None]
    to = out + stream.to(tl.int64) * frames * width + head * HEAD
    tl.store(to + frame[:, None] * width + whole[None], mixed.to(kind), mask=mask)
    tl.debug_barrier()  # the ring has been read by all threads
    slot = ((heard + frame) % LEFT)[:, None] * HEAD
    tl.store(keys + ring + slot + half[None], key_a, mask=mask)
    tl.store(keys + ring + slot + HEAD // 2 + half[None], key_b, mask=mask)
    tl.store(values + ring + slot + whole[None], value, mask=mask)


@triton.jit  # type: ignore[untyped-decorator]
def _convolve(  # type: ignore[no-untyped-def]
    gated,
    rows,
    cache,
    taps,
    bias,
    norm_weight,
    norm_bias,
    out,
    frames,
    KERNEL: tl.constexpr,
    WIDTH: tl.constexpr,
    FRAMES: tl.constexpr,
    PAST: tl.constexpr,
):
    stream = tl.program_id(0)
    row = tl.load(rows + stream).to(tl.int64)
    kind = cache.dtype.element_ty
    frame, column = tl.arange(0, FRAMES), tl.arange(0, WIDTH)
    new = gated + stream.to(tl.int64) * frames * WIDTH + column[None]
    old = cache + row * (KERNEL - 1) * WIDTH + column[None]
    total = tl.zeros((FRAMES, WIDTH), dtype=tl.float32)
    for k in tl.static_range(KERNEL):
        at = (frame + (k - (KERNEL - 1)))[:, None]
        value = tl.load(new + at * WIDTH, mask=(at >= 0) & (at < frames), other=0.0).to(tl.float32)
        value += tl.load(old + (at + KERNEL - 1) * WIDTH, mask=at < 0, other=0.0).to(tl.float32)
        total += value * tl.load(taps + k * WIDTH + column)[None].to(tl.float32)
    total += tl.load(bias + column)[None].to(tl.float32)
    centred = total - tl.sum(total, 1)[:, None] / WIDTH
    spread = tl.rsqrt(tl.sum(centred * centred, 1) / WIDTH + 1e-5)[:, None]
    normed = centred * spread * tl.load(norm_weight + column)[None].to(tl.float32)
    normed += tl.load(norm_bias + column)[None].to(tl.float32)
    result = normed * tl.sigmoid(normed)
    to = out + stream.to(tl.int64) * frames * WIDTH + column[None]
    tl.store(to + frame[:, None] * WIDTH, result.to(kind), mask=(frame < frames)[:, None])
    place = tl.arange(0, PAST)
    source = (place + frames)[:, None]
    inside = (place < KERNEL - 1)[:, None]
    kept = tl.load(old + source * WIDTH, mask=inside & (source < KERNEL - 1), other=0.0)
    fresh = (source - (KERNEL - 1)) * WIDTH
    kept += tl.load(new + fresh, mask=inside & (source >= KERNEL - 1), other=0.0).to(kind)
    tl.debug_barrier()  # the cache has been read by all threads
    tl.store(old + place[:, None] * WIDTH, kept, mask=inside)


def attend(
    projected: Tensor, rows: Tensor, position: Tensor, keys: Tensor, values: Tensor, out: Tensor
) -> Tensor:
    """`projected` [B, n, 3*width]: queries, keys, values; one layer's rings; `out` [B, n, width].

    Queries and keys are turned to their positions (Su et al. 2021); the rings then hold the chunk.
    """
    batch, frames, _ = projected.shape
    _, heads, left, head = keys.shape
    _attend[(batch, heads)](
        projected,
        rows,
        position,
        keys,
        values,
        out,
        frames,
        head**-0.5,
        -LOG2_10000 / (head // 2),
        left,
        heads,
        head,
        triton.next_power_of_2(left),
        max(16, triton.next_power_of_2(frames)),
        num_warps=4,
    )
    return out


def convolve(
    gated: Tensor, rows: Tensor, cache: Tensor, weights: tuple[Tensor, ...], out: Tensor
) -> Tensor:
    """`gated` [B, n, width], one layer's `cache`; `weights`: taps [kernel, width], bias, and the
    weight and bias of the norm behind. Returns silu of the norm; the cache then holds the chunk.
    """
    batch, frames, width = gated.shape
    kernel = cache.shape[1] + 1
    _convolve[(batch,)](
        gated,
        rows,
        cache,
        *weights,
        out,
        frames,
        kernel,
        width,
        triton.next_power_of_2(frames),
        triton.next_power_of_2(kernel - 1),
        num_warps=4,
    )
    return out
