"""The Conformer's block: macaron feed-forward, rotary attention, gated causal convolution."""

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

#: Residual branches of a block.
BRANCHES = 4


@dataclass(frozen=True)
class Shape:
    """Sizes of the network; `kernel` is the depthwise convolution's, in frames."""

    width: int = 256
    layers: int = 12
    heads: int = 4
    feedforward: int = 1024
    kernel: int = 15
    channels: int = 48

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


class FeedForward(nn.Module):
    def __init__(self, shape: Shape, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(shape.width)
        self.up = nn.Linear(shape.width, shape.feedforward)
        self.down = nn.Linear(shape.feedforward, shape.width)
        self.dropout = dropout

    def forward(self, x: Tensor) -> Tensor:
        inner = F.silu(self.up(self.norm(x)))
        out: Tensor = self.down(F.dropout(inner, self.dropout, self.training))
        return out


class Convolution(nn.Module):
    """Gated causal depthwise convolution.

    Training on a GPU has a kernel of its own (depthwise.py); elsewhere the convolution is a sum
    of shifted products, which exports well.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = shape.width
        self.norm = nn.LayerNorm(width)
        self.gate = nn.Linear(width, 2 * width)
        self.taps = nn.Parameter(torch.randn(shape.kernel, width) * 0.1)
        self.bias = nn.Parameter(torch.zeros(width))
        self.inner_norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, past: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Returns the result and the padded input, whose tail is the next chunk's past."""
        gated = F.glu(self.gate(self.norm(x)), -1)
        if past is None and gated.is_cuda:
            from .depthwise import slide

            total, padded = slide(gated, self.taps), gated
        else:
            total, padded = self._shifted(gated, past)
        total = total + self.bias.to(total.dtype)
        return self.out(F.silu(self.inner_norm(total))), padded

    def _shifted(self, gated: Tensor, past: Tensor | None) -> tuple[Tensor, Tensor]:
        frames, kernel = gated.shape[1], self.taps.shape[0]
        if past is None:
            padded = F.pad(gated, (0, 0, kernel - 1, 0))
        else:
            padded = torch.cat([past, gated], 1)
        taps = self.taps.to(padded.dtype)
        total = padded[:, :frames] * taps[0]
        for k in range(1, kernel):
            total = total + padded[:, k : k + frames] * taps[k]
        return total, padded


class Attention(nn.Module):
    """Multi-head attention with rotary positions; `bias` is added to the scores."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.norm = nn.LayerNorm(shape.width)
        self.project = nn.Linear(shape.width, 3 * shape.width)
        self.out = nn.Linear(shape.width, shape.width)

    def forward(
        self, x: Tensor, bias: Tensor, turn: tuple[Tensor, Tensor], past: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Returns the result and this call's keys and values [B, left + frames, 2*width]."""
        query, key_value = self.project(self.norm(x)).split([x.shape[-1], 2 * x.shape[-1]], -1)
        if past is not None:
            key_value = torch.cat([past, key_value], 1)
        keys, values = key_value.chunk(2, -1)
        q, k, v = self._split(query), self._split(keys), self._split(values)
        q, k = _rotate(q, turn, k.shape[2] - q.shape[2]), _rotate(k, turn, 0)
        mixed = F.scaled_dot_product_attention(q.to(v.dtype), k.to(v.dtype), v, attn_mask=bias)
        return self.out(mixed.transpose(1, 2).flatten(2)), key_value

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class Block(nn.Module):
    """Macaron feed-forward, attention, convolution, feed-forward (Gulati et al. 2020)."""

    def __init__(self, shape: Shape, dropout: float) -> None:
        super().__init__()
        self.before = FeedForward(shape, dropout)
        self.attention = Attention(shape)
        self.convolution = Convolution(shape)
        self.after = FeedForward(shape, dropout)
        self.norm = nn.LayerNorm(shape.width)
        self.dropout = dropout

    def forward(
        self, x: Tensor, bias: Tensor, cos: Tensor, sin: Tensor, keep: Tensor | None = None
    ) -> Tensor:
        """`keep` [BRANCHES, B, 1, 1] multiplies what the branches add."""
        out, _, _ = self.step(x, bias, (cos, sin), None, None, keep)
        return out

    def step(
        self,
        x: Tensor,
        bias: Tensor,
        turn: tuple[Tensor, Tensor],
        keys_values: Tensor | None,
        convolution: Tensor | None,
        keep: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        # by index: a tensor of symbolic size cannot be unpacked in compiled code
        before, attending, convolving, after = (
            1.0 if keep is None else keep[branch] for branch in range(BRANCHES)
        )
        x = x + 0.5 * before * self._drop(self.before(x))
        attended, keys_values = self.attention(x, bias, turn, keys_values)
        x = x + attending * self._drop(attended)
        convolved, convolution = self.convolution(x, convolution)
        x = x + convolving * self._drop(convolved)
        x = x + 0.5 * after * self._drop(self.after(x))
        assert keys_values is not None
        assert convolution is not None
        return self.norm(x), keys_values, convolution

    def _drop(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training)


def rotation(frames: int, shape: Shape, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosines and sines [frames, half a head] of rotary positions (Su et al. 2021)."""
    half = shape.width // shape.heads // 2
    rates = 10000.0 ** (-torch.arange(half, device=device) / half)
    angles = torch.arange(frames, device=device)[:, None] * rates
    return angles.cos(), angles.sin()


def _rotate(x: Tensor, turn: tuple[Tensor, Tensor], start: int) -> Tensor:
    cos, sin = (t[start : start + x.shape[2]] for t in turn)
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)
