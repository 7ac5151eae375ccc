"""One chunk of many streams through the Conformer (training/captions/model.py says what it is).

Weights are the trained net's, by its names. Caches lie in the pool; the step changes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from workers.engines.conformer.cuda.pool import Pool, Sizes

Weights = Mapping[str, Tensor]


class LogProbs(NamedTuple):
    """[B, n, classes] of both heads."""

    phones: Tensor
    characters: Tensor


def sizes_of(weights: Weights, heads: int, left: int) -> Sizes:
    layers = 1 + max(int(n.split(".")[1]) for n in weights if n.startswith("blocks."))
    kernel, width = weights["blocks.0.convolution.taps"].shape
    return Sizes(width, layers, heads, kernel, left, mels=len(weights["mean"]))


def affine(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return F.linear(x, weight, bias)


def normed(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], weight, bias)


def projected(x: Tensor, *norm_and_affine: Tensor) -> Tensor:
    return affine(normed(x, *norm_and_affine[:2]), *norm_and_affine[2:])


def gated(x: Tensor, *norm_and_affine: Tensor) -> Tensor:
    return F.glu(projected(x, *norm_and_affine), -1)


def joined(x: Tensor, other: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return x + affine(other, weight, bias)


def fed_forward(x: Tensor, *norm_up_down: Tensor) -> Tensor:
    inner = F.silu(projected(x, *norm_up_down[:4]))
    return torch.add(x, affine(inner, *norm_up_down[4:]), alpha=0.5)


PURE: tuple[Callable[..., Tensor], ...] = (projected, gated, joined, fed_forward, normed)


class Network:
    """`operations`: kernels.py, or plain.py where there is no GPU. `fuse`: torch compiles what lies
    between them, which takes a minute.
    """

    def __init__(
        self,
        weights: Weights,
        sizes: Sizes,
        operations: ModuleType,
        dtype: torch.dtype,
        device: str,
        *,
        fuse: bool = False,
    ) -> None:
        self.sizes, self.dtype, self.device = sizes, dtype, device
        self._operations = operations
        self._weights = {name: w.to(device, dtype) for name, w in weights.items()}
        # raw mels are far from 0: they are normalised before they are rounded
        self._mean, self._scale = (weights[n].to(device, torch.float32) for n in ("mean", "scale"))
        channels = len(self._weights["second.weight"])
        enter = self._weights["enter.weight"].unflatten(1, (channels, -1))
        self._enter = enter.transpose(1, 2).flatten(1).contiguous()
        for name in ("first.weight", "second.weight"):
            self._weights[name] = self._weights[name].contiguous(memory_format=torch.channels_last)
        self._pure = {f.__name__: torch.compile(f, dynamic=False) if fuse else f for f in PURE}

    def step(self, pool: Pool, rows: Tensor, mels: Tensor) -> LogProbs:
        """Raw `mels` [B, 4n, 80] in float32 of the streams in `rows` [B]."""
        x = self._subsample(self._heard(pool, rows, mels))
        for depth in range(self.sizes.layers):
            x = self._feed_back(self._block(pool, rows, x, depth), depth + 1)
        pool.position.index_add_(0, rows, torch.full_like(rows, x.shape[1]))
        return LogProbs(self._log_probs(x, "phones"), self._log_probs(x, "characters"))

    def _heard(self, pool: Pool, rows: Tensor, mels: Tensor) -> Tensor:
        fresh = ((mels - self._mean) * self._scale).to(self.dtype)
        heard = torch.cat([pool.mels[rows], fresh], 1)
        pool.mels.index_copy_(0, rows, heard[:, -self.sizes.history :])
        return heard

    def _subsample(self, heard: Tensor) -> Tensor:
        """Convolutions with the channels last, as `_enter` takes them."""
        x = heard[:, None].contiguous(memory_format=torch.channels_last)
        for name in ("first", "second"):
            weight, bias = self._of(name)
            x = F.gelu(F.conv2d(x, weight, bias, stride=2, padding=(0, 1)))
        return affine(x.permute(0, 2, 3, 1).flatten(2), self._enter, self._weights["enter.bias"])

    def _block(self, pool: Pool, rows: Tensor, x: Tensor, depth: int) -> Tensor:
        here, of, pure = f"blocks.{depth}", self._of, self._pure
        x = pure["fed_forward"](x, *of(*(f"{here}.before.{p}" for p in ("norm", "up", "down"))))
        scores = pure["projected"](x, *of(f"{here}.attention.norm", f"{here}.attention.project"))
        caches = pool.position, pool.keys[depth], pool.values[depth]
        mixed = self._operations.attend(scores, rows, *caches, torch.empty_like(x))
        x = pure["joined"](x, mixed, *of(f"{here}.attention.out"))
        gates = pure["gated"](x, *of(f"{here}.convolution.norm", f"{here}.convolution.gate"))
        taps = self._weights[f"{here}.convolution.taps"], self._weights[f"{here}.convolution.bias"]
        weights = (*taps, *of(f"{here}.convolution.inner_norm"))
        slid = self._operations.convolve(
            gates, rows, pool.taps[depth], weights, torch.empty_like(x)
        )
        x = pure["joined"](x, slid, *of(f"{here}.convolution.out"))
        x = pure["fed_forward"](x, *of(*(f"{here}.after.{p}" for p in ("norm", "up", "down"))))
        return pure["normed"](x, *of(f"{here}.norm"))

    def _feed_back(self, x: Tensor, depth: int) -> Tensor:
        """After a third and two thirds of the layers, what a head makes of them (Nozaki 2021)."""
        layers = self.sizes.layers
        if depth == layers // 3:
            head, name = "inner_phones", "phone"
        elif depth == 2 * layers // 3:
            head, name = "characters", "character"
        else:
            return x
        said = affine(x, *self._of(head)).float().softmax(-1).to(x.dtype)
        return x + affine(said, *self._of(f"{name}_feedback"))

    def _log_probs(self, x: Tensor, head: str) -> Tensor:
        return affine(x, *self._of(head)).float().log_softmax(-1)

    def _of(self, *names: str) -> list[Tensor]:
        """Weight and bias of each."""
        return [self._weights[f"{name}.{part}"] for name in names for part in ("weight", "bias")]
