"""Layers of the translation network: attention with rotary positions, feed-forward, blocks.

Layers normalise first; positions are rotary (Su et al. 2021); padding is masked by length.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from .shape import Shape

MASKED = -1e4
STAGE = 64
Turn = tuple[Tensor, Tensor]
Write = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
_EXPORTING = False


class Attention(nn.Module):
    """Multi-head self-attention. `bias` is added to the scores; without one it may be causal."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.project = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(
        self, x: Tensor, turn: Turn, bias: Tensor | None, past: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """`past` [B, T0, 2*width] are earlier keys and values. Returns the result and the keys
        and values [B, T, 2*width] of `x` alone; keys are turned already."""
        query, keys, values = self.project(self.norm(x)).chunk(3, -1)
        q = rotate(split_heads(query, self.heads), turn)
        k, v = rotate(split_heads(keys, self.heads), turn), split_heads(values, self.heads)
        new = torch.cat([join_heads(k), values.to(k.dtype)], -1)
        if past is not None:
            past_keys, past_values = past.chunk(2, -1)
            k = torch.cat([split_heads(past_keys, self.heads), k], 2)
            v = torch.cat([split_heads(past_values, self.heads), v], 2)
        return self.out(join_heads(attend(q, k, v, bias))), new

    def search(self, x: Tensor, turn: Turn, write: Write, bias: Tensor) -> Tensor:
        """One more place of each of a row's hypotheses: `x` [B, K, width]. `write` takes their
        keys and values and gives all that `bias` counts."""
        query, keys, values = self.project(self.norm(x)).chunk(3, -1)
        q = rotate(split_heads(query, self.heads), turn)
        k = rotate(split_heads(keys, self.heads), turn)
        seen = write(k, split_heads(values, self.heads))
        out: Tensor = self.out(join_heads(attend(q, *seen, bias)))
        return out


class CrossAttention(nn.Module):
    """Attention over a memory whose keys and values are made once (`remember`)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.remember = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, keys_values: Tensor, bias: Tensor) -> Tensor:
        q = split_heads(self.query(self.norm(x)), self.heads)
        keys, values = keys_values.chunk(2, -1)
        k, v = split_heads(keys, self.heads), split_heads(values, self.heads)
        out: Tensor = self.out(join_heads(attend(q, k, v, bias)))
        return out


class FeedForward(nn.Module):
    def __init__(self, width: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, inner)
        self.down = nn.Linear(inner, width)
        self.dropout = dropout

    def forward(self, x: Tensor) -> Tensor:
        inner = F.relu(self.up(self.norm(x)))
        out: Tensor = self.down(F.dropout(inner, self.dropout, self.training))
        return out


class EncoderBlock(nn.Module):
    """Also the drafter's block."""

    def __init__(self, shape: Shape, inner: int, dropout: float) -> None:
        super().__init__()
        self.attention = Attention(shape.width, shape.heads)
        self.feedforward = FeedForward(shape.width, inner, dropout)
        self.dropout = dropout

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, bias: Tensor) -> Tensor:
        attended, _ = self.attention(x, (cos, sin), bias)
        x = x + F.dropout(attended, self.dropout, self.training)
        return x + F.dropout(self.feedforward(x), self.dropout, self.training)


class DecoderBlock(nn.Module):
    def __init__(self, shape: Shape, dropout: float) -> None:
        super().__init__()
        self.attention = Attention(shape.width, shape.heads)
        self.cross = CrossAttention(shape.width, shape.heads)
        self.feedforward = FeedForward(shape.width, shape.decoder_inner, dropout)
        self.dropout = dropout

    def forward(
        self, x: Tensor, cos: Tensor, sin: Tensor, memory: Tensor, memory_bias: Tensor
    ) -> Tensor:
        """All of a target at once, causal; `memory` [B, S, width]."""
        out, _ = self.step(x, (cos, sin), self.cross.remember(memory), memory_bias, None, None)
        return out

    def step(
        self,
        x: Tensor,
        turn: Turn,
        keys_values: Tensor,
        memory_bias: Tensor,
        past: Tensor | None,
        past_bias: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        attended, new = self.attention(x, turn, past_bias, past)
        x = x + F.dropout(attended, self.dropout, self.training)
        return self.onward(x, keys_values, memory_bias), new

    def onward(self, x: Tensor, keys_values: Tensor, memory_bias: Tensor) -> Tensor:
        """What follows a block's self-attention."""
        crossed = self.cross(x, keys_values, memory_bias)
        x = x + F.dropout(crossed, self.dropout, self.training)
        return x + F.dropout(self.feedforward(x), self.dropout, self.training)


@contextmanager
def exporting() -> Iterator[None]:
    """Within, the network is made of plain operations that export well."""
    global _EXPORTING  # noqa: PLW0603 - a compiled block reads it as a constant
    _EXPORTING = True
    try:
        yield
    finally:
        _EXPORTING = False


class _LookUp(torch.autograd.Function):
    """Rows of a table. The library's own way back sorts the tokens and may wait for the host,
    which no captured step can."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, tokens: Tensor) -> Tensor:
        ctx.save_for_backward(tokens)
        ctx.rows = table.shape[0]
        return F.embedding(tokens, table)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (tokens,) = ctx.saved_tensors
        grad = grads[0].flatten(0, -2)
        out = torch.zeros(ctx.rows, grad.shape[-1], dtype=grad.dtype, device=grad.device)
        return out.index_add_(0, tokens.flatten(), grad), None


def look_up(table: Tensor, tokens: Tensor) -> Tensor:
    if _EXPORTING:
        return F.embedding(tokens, table)
    out: Tensor = _LookUp.apply(table, tokens)
    return out


def likeliest(logits: Tensor) -> Tensor:
    """The place of the largest of each row. Exported in two stages: the runtime's search for a
    place goes one by one, that for a largest doesn't (0.30 and 0.06 ms for 44 rows of 8000)."""
    if not _EXPORTING or logits.shape[-1] % STAGE:
        return logits.argmax(-1)
    parts = logits.flatten(0, -2).unflatten(-1, (-1, STAGE))
    part = parts.amax(-1).argmax(-1)
    within = parts[torch.arange(parts.shape[0]), part]
    return (part * STAGE + within.argmax(-1)).view(logits.shape[:-1])


def attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Tensor:
    """Attention of [B, heads, T, width/heads]; causal where there is no bias."""
    if _EXPORTING:
        assert bias is not None
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(2, 3)
        return (scores + bias).softmax(-1) @ v
    q, k = q.to(v.dtype), k.to(v.dtype)
    if bias is None:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(v.dtype))


def split_heads(x: Tensor, heads: int) -> Tensor:
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def join_heads(x: Tensor) -> Tensor:
    return x.transpose(1, 2).flatten(2)


def rotation(places: Tensor, half_head: int) -> Turn:
    """Cosines and sines [B, 1, T, half a head] of rotary positions; `places` is [B, T]."""
    rates = 10000.0 ** (-torch.arange(half_head, device=places.device) / half_head)
    angles = places[:, None, :, None] * rates
    return angles.cos(), angles.sin()


def rotate(x: Tensor, turn: Turn) -> Tensor:
    cos, sin = turn
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1).to(x.dtype)


def length_bias(length: Tensor, size: int) -> Tensor:
    """[B, 1, 1, size]: 0 for the first `length[b]` places, `MASKED` for the others."""
    seen = torch.arange(size, device=length.device)[None] < length[:, None]
    return torch.where(seen, 0.0, MASKED)[:, None, None, :]


def step_bias(past_length: Tensor, past_size: int, new_place: Tensor) -> Tensor:
    """[B, 1, T, past_size + T]: what new positions see of the past and of each other."""
    past = torch.arange(past_size, device=past_length.device)[None] < past_length[:, None]
    causal = new_place[None, :] <= new_place[:, None]
    rows, steps = past_length.shape[0], new_place.shape[0]
    seen = torch.cat(
        [
            past[:, None, :].expand(rows, steps, past_size),
            causal[None].expand(rows, steps, steps),
        ],
        -1,
    )
    return torch.where(seen, 0.0, MASKED)[:, None]
