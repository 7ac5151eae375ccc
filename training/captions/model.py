"""A cache-aware streaming Conformer with phone and character CTC heads.

Attention sees whole chunks and a limited past; convolutions see the past only, so the output of
a chunk never changes once the chunk has been heard. Inner CTC heads (phones after a third of the
layers, characters after two thirds) are fed back into the encoder (Nozaki and Komatsu 2021).
One output frame stands for `FRAME_MELS` mel frames, 40 ms.
"""

from dataclasses import asdict, dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from .features import MELS
from .phones import CHARACTER_TOKENS, PHONE_TOKENS

FRAME_MELS = 4
#: Mel frames before a chunk that the subsampling convolutions look back on.
MEL_HISTORY = 3
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


class Logits(NamedTuple):
    """Unnormalised scores [B, frames, classes] of the four heads, in float32."""

    phones: Tensor
    characters: Tensor
    inner_phones: Tensor
    inner_characters: Tensor


class Caches(NamedTuple):
    """What a stream remembers between chunks; all zeros at the start of a segment.

    mels [B, MEL_HISTORY, MELS], keys_values [layers, B, left, 2*width],
    convolution [layers, B, kernel-1, width], length [B]: how many frames of `left` are real.
    """

    mels: Tensor
    keys_values: Tensor
    convolution: Tensor
    length: Tensor


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


class Recogniser(nn.Module):
    """Raw log-mel features to logits. `mean` and `scale` normalise the features (global CMVN)."""

    mean: Tensor
    scale: Tensor

    def __init__(self, shape: Shape, dropout: float = 0.0, skip: float = 0.0) -> None:
        super().__init__()
        self.shape = shape
        self.skip = skip
        width, channels = shape.width, shape.channels
        self.register_buffer("mean", torch.zeros(MELS))
        self.register_buffer("scale", torch.ones(MELS))
        self.first = nn.Conv2d(1, channels, 3, 2, (0, 1))
        self.second = nn.Conv2d(channels, channels, 3, 2, (0, 1))
        self.enter = nn.Linear(channels * MELS // 4, width)
        self.blocks = nn.ModuleList(Block(shape, dropout) for _ in range(shape.layers))
        self.phones = nn.Linear(width, len(PHONE_TOKENS))
        self.characters = nn.Linear(width, len(CHARACTER_TOKENS))
        self.inner_phones = nn.Linear(width, len(PHONE_TOKENS))
        self.phone_feedback = nn.Linear(len(PHONE_TOKENS), width)
        self.character_feedback = nn.Linear(len(CHARACTER_TOKENS), width)
        for feedback in (self.phone_feedback, self.character_feedback):
            nn.init.zeros_(feedback.weight)
            nn.init.zeros_(feedback.bias)

    def normalise(self, mels: Tensor) -> Tensor:
        return (mels - self.mean) * self.scale

    def forward(self, features: Tensor, bias: Tensor) -> Logits:
        """`features` [B, 4n, MELS] are normalised; `bias` [B or 1, 1, n, n] masks attention."""
        # one kind of number for all blocks, so that they compile once
        x = self._subsample(F.pad(features, (0, 0, MEL_HISTORY, 0))).float()
        cos, sin = rotation(x.shape[1], self.shape, x.device)
        keep = self._keep(x)
        inner: list[Tensor] = []
        for depth, block in enumerate(self.blocks, 1):
            kept = None if keep is None else keep[depth - 1]
            x = self._feed_back(block(x, bias, cos, sin, kept), depth, inner)
        return Logits(self.phones(x).float(), self.characters(x).float(), *inner)

    def _keep(self, x: Tensor) -> Tensor | None:
        """Stochastic depth (Huang et al. 2016): factors of branches [layers, BRANCHES, B, 1, 1].

        A row's branch is left out the more often the deeper it is, in the last block `skip` of
        the time. Drawn here, since blocks with rates of their own would each be compiled.
        """
        if not (self.training and self.skip):
            return None
        layers = self.shape.layers
        rates = torch.arange(1, layers + 1, device=x.device) * (self.skip / layers)
        rates = rates.view(layers, 1, 1, 1, 1)
        drawn = torch.rand(layers, BRANCHES, len(x), 1, 1, device=x.device)
        return (drawn >= rates) / (1 - rates)

    def step(self, mels: Tensor, caches: Caches) -> tuple[Tensor, Tensor, Caches]:
        """One chunk of raw mels [B, 4n, MELS] to phone and character log-probs [B, n, classes]."""
        heard = torch.cat([caches.mels, self.normalise(mels)], 1)
        x = self._subsample(heard)
        frames, left = x.shape[1], caches.keys_values.shape[2]
        turn = rotation(left + frames, self.shape, x.device)
        place = torch.arange(left + frames, device=x.device)
        seen = place[None] >= left - caches.length[:, None]
        bias = torch.where(seen, 0.0, -1e4).to(x.dtype)[:, None, None, :]
        inner: list[Tensor] = []
        keys_values, convolution = [], []
        for depth, block in enumerate(self.blocks, 1):
            past = caches.keys_values[depth - 1], caches.convolution[depth - 1]
            assert isinstance(block, Block)
            x, kv, conv = block.step(x, bias, turn, *past)
            keys_values.append(kv[:, frames:])
            convolution.append(conv[:, frames:])
            x = self._feed_back(x, depth, inner)
        after = Caches(
            heard[:, -MEL_HISTORY:],
            torch.stack(keys_values),
            torch.stack(convolution),
            (caches.length + frames).clamp(max=left),
        )
        return self.phones(x).log_softmax(-1), self.characters(x).log_softmax(-1), after

    def empty_caches(self, batch: int, left: int) -> Caches:
        s = self.shape
        return Caches(
            torch.zeros(batch, MEL_HISTORY, MELS),
            torch.zeros(s.layers, batch, left, 2 * s.width),
            torch.zeros(s.layers, batch, s.kernel - 1, s.width),
            torch.zeros(batch, dtype=torch.int64),
        )

    def _subsample(self, features: Tensor) -> Tensor:
        x = F.gelu(self.second(F.gelu(self.first(features[:, None]))))
        out: Tensor = self.enter(x.transpose(1, 2).flatten(2))
        return out

    def _feed_back(self, x: Tensor, depth: int, inner: list[Tensor]) -> Tensor:
        if depth == self.shape.layers // 3:
            inner.append(self.inner_phones(x).float())
            return x + self.phone_feedback(inner[-1].softmax(-1))
        if depth == 2 * self.shape.layers // 3:
            inner.append(self.characters(x).float())
            return x + self.character_feedback(inner[-1].softmax(-1))
        return x


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


def chunk_bias(lengths: Tensor, frames: int, chunks: Tensor, lefts: Tensor) -> Tensor:
    """Attention bias [B, 1, frames, frames]: 0 where seen, -1e4 where not.

    Row b of the batch has `lengths[b]` real frames, is heard in chunks of `chunks[b]` frames and
    looks back `lefts[b]` frames beyond its chunk. A frame always sees itself.
    """
    place = torch.arange(frames, device=lengths.device)
    real = (place[None] < lengths[:, None])[:, None, :]
    query, key = place[None, :, None], place[None, None, :]
    start = query // chunks[:, None, None] * chunks[:, None, None]
    near = (key < start + chunks[:, None, None]) & (key >= start - lefts[:, None, None])
    seen = (real & near) | (query == key)
    return torch.where(seen, 0.0, -1e4)[:, None]
