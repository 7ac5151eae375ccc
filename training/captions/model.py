"""A cache-aware streaming Conformer with phone and character CTC heads.

Attention sees whole chunks and a limited past; convolutions see the past only, so the output of
a chunk never changes once the chunk has been heard. Inner CTC heads (phones after a third of the
layers, characters after two thirds) are fed back into the encoder (Nozaki and Komatsu 2021).
One output frame stands for `FRAME_MELS` mel frames, 40 ms.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from .blocks import BRANCHES, Block, Shape, rotation
from .features import MELS
from .phones import CHARACTER_TOKENS, PHONE_TOKENS

FRAME_MELS = 4
#: Mel frames before a chunk that the subsampling convolutions look back on.
MEL_HISTORY = 3


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
