"""The causal depthwise convolution as Triton kernels, for training on a GPU.

y[b, n, c] = sum over k of x[b, n + k - (K - 1), c] * taps[k, c], with zeros before the start.
Shifted products in plain torch say the same (model.py); they cost thirty passes over the data
and, fused by torch.compile, half a minute of compiling for each shape.
"""

# ruff: noqa: N803, PLR0917 - Triton's constants are capitals, and kernels take what they take

import torch
import triton
import triton.language as tl
from torch import Tensor

ROWS = 32
SPLIT_ROWS = 32


@triton.jit  # type: ignore[untyped-decorator]
def _slide(  # type: ignore[no-untyped-def]
    x, taps, y, frames, K: tl.constexpr, C: tl.constexpr, R: tl.constexpr, BACK: tl.constexpr
):
    rows = tl.program_id(1) * R + tl.arange(0, R)
    columns = tl.arange(0, C)
    base = tl.program_id(0).to(tl.int64) * frames * C
    total = tl.zeros((R, C), dtype=tl.float32)
    for k in tl.static_range(K):
        # backwards the same taps look ahead instead of behind
        at = rows + (K - 1 - k) if BACK else rows + (k - (K - 1))
        real = (at >= 0) & (at < frames)
        value = tl.load(x + base + at[:, None] * C + columns[None], mask=real[:, None], other=0.0)
        total += value.to(tl.float32) * tl.load(taps + k * C + columns)[None].to(tl.float32)
    kept = (rows < frames)[:, None]
    tl.store(y + base + rows[:, None] * C + columns[None], total.to(y.dtype.element_ty), mask=kept)


@triton.jit  # type: ignore[untyped-decorator]
def _correlate(  # type: ignore[no-untyped-def]
    x, g, parts, frames, K: tl.constexpr, C: tl.constexpr, R: tl.constexpr
):
    rows = tl.program_id(1) * R + tl.arange(0, R)
    columns = tl.arange(0, C)
    base = tl.program_id(0).to(tl.int64) * frames * C
    kept = (rows < frames)[:, None]
    change = tl.load(g + base + rows[:, None] * C + columns[None], mask=kept, other=0.0)
    change = change.to(tl.float32)
    out = (tl.program_id(0) * tl.num_programs(1) + tl.program_id(1)).to(tl.int64) * K * C
    for k in tl.static_range(K):
        at = rows + (k - (K - 1))
        real = (at >= 0) & (at < frames)
        value = tl.load(x + base + at[:, None] * C + columns[None], mask=real[:, None], other=0.0)
        tl.store(parts + out + k * C + columns, tl.sum(value.to(tl.float32) * change, 0))


def _run_slide(x: Tensor, taps: Tensor, back: bool) -> Tensor:
    batch, frames, width = x.shape
    y = torch.empty_like(x)
    grid = (batch, triton.cdiv(frames, ROWS))
    _slide[grid](x, taps, y, frames, len(taps), width, ROWS, back)
    return y


@torch.library.custom_op("captions::slide", mutates_args=())
def slide(x: Tensor, taps: Tensor) -> Tensor:
    """`x` [B, N, C] in any float type, `taps` [K, C] float32, C a power of two."""
    return _run_slide(x.contiguous(), taps, back=False)


@torch.library.custom_op("captions::slide_back", mutates_args=())
def slide_back(x: Tensor, taps: Tensor, change: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of `x` and `taps`."""
    x, change = x.contiguous(), change.contiguous()
    batch, frames, width = x.shape
    blocks = triton.cdiv(frames, SPLIT_ROWS)
    parts = torch.empty(batch * blocks, len(taps), width, device=x.device)
    _correlate[(batch, blocks)](x, change, parts, frames, len(taps), width, SPLIT_ROWS)
    return _run_slide(change, taps, back=True), parts.sum(0)


@slide.register_fake
def _(x: Tensor, taps: Tensor) -> Tensor:
    del taps
    return torch.empty(x.shape, dtype=x.dtype, device=x.device)


@slide_back.register_fake
def _(x: Tensor, taps: Tensor, change: Tensor) -> tuple[Tensor, Tensor]:
    del change
    empty = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    return empty, torch.empty(taps.shape, device=x.device)


def _remember(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    del output
    ctx.save_for_backward(*inputs)


def _backward(ctx, change: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[no-untyped-def]
    x, taps = ctx.saved_tensors
    return slide_back(x, taps, change.to(x.dtype))


slide.register_autograd(_backward, setup_context=_remember)
