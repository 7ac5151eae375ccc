"""One encoder, a CTC head that drafts, and a decoder that verifies.

The drafter splits each source position into a few frames and writes the whole translation at
once (Libovický and Helcl 2018). After half of its layers it says what it would write, and that
guess is fed back (deep supervision with argmax feedback: Huang et al. 2022). The decoder is an
ordinary causal one. One table embeds both languages and scores the outputs of both.
"""

from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from .layers import DecoderBlock, EncoderBlock, length_bias, likeliest, look_up, rotation, step_bias
from .past import Past
from .shape import Shape


class Encoder(nn.Module):
    def __init__(self, shape: Shape, dropout: float) -> None:
        super().__init__()
        self.half_head = shape.width // shape.heads // 2
        self.blocks = nn.ModuleList(
            EncoderBlock(shape, shape.encoder_inner, dropout) for _ in range(shape.encoder_layers)
        )
        self.norm = nn.LayerNorm(shape.width)

    def forward(self, x: Tensor, length: Tensor) -> Tensor:
        """`x` [B, S, width] are embedded tokens; the result is the memory, same shape."""
        turn = rotation(torch.arange(x.shape[1], device=x.device)[None], self.half_head)
        bias = length_bias(length, x.shape[1])
        for block in self.blocks:
            x = block(x, *turn, bias)
        out: Tensor = self.norm(x)
        return out


class Drafts(NamedTuple):
    """Normalised states [B, split*S, width] whose products with the table are logits."""

    final: Tensor
    inner: Tensor


class Listed(NamedTuple):
    """Each row's shortlist: ids [B, N] and their rows of the table [B, N, width]."""

    ids: Tensor
    rows: Tensor

    def best(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Of states [B, F, width] the likeliest pieces, and the logits of all [B, F, N]."""
        logits = states @ self.rows.transpose(1, 2)
        return self.ids.gather(1, likeliest(logits)), logits


class Drafter(nn.Module):
    """The CTC head; class 0 is the blank."""

    def __init__(self, shape: Shape, dropout: float) -> None:
        super().__init__()
        width = shape.width
        self.half_head = width // shape.heads // 2
        self.frames = shape.split
        self.split = nn.Linear(width, shape.split * width)
        self.blocks = nn.ModuleList(
            EncoderBlock(shape, shape.drafter_inner, dropout) for _ in range(shape.drafter_layers)
        )
        self.inner_norm = nn.LayerNorm(width)
        self.feedback = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        nn.init.zeros_(self.feedback.weight)
        nn.init.zeros_(self.feedback.bias)

    def forward(
        self,
        memory: Tensor,
        length: Tensor,
        table: Tensor,
        feed_back: bool,
        listed: Listed | None = None,
    ) -> Drafts:
        """`memory` [B, S, width] to frames [B, split*S, width]. Where there is a shortlist, the
        guess is one of its pieces."""
        x = self.begin(memory, length)
        inner: Tensor = self.inner_norm(x)
        if feed_back:
            guess = best_pieces(inner, table) if listed is None else listed.best(inner)[0]
            x = x + self.feedback(look_up(table, guess))
        return Drafts(self.finish(x, length), inner)

    def begin(self, memory: Tensor, length: Tensor) -> Tensor:
        """Frames [B, split*S, width] behind half of the layers; `inner_norm` makes states of them
        that say the sketch."""
        x = self.split(memory).unflatten(-1, (self.frames, -1)).flatten(1, 2)
        return self._through(self.blocks[: len(self.blocks) // 2], x, length)

    def finish(self, x: Tensor, length: Tensor) -> Tensor:
        """Frames with what was fed back through the other half, to states that say the draft."""
        out: Tensor = self.norm(self._through(self.blocks[len(self.blocks) // 2 :], x, length))
        return out

    def _through(self, blocks: Iterable[nn.Module], x: Tensor, length: Tensor) -> Tensor:
        turn = rotation(torch.arange(x.shape[1], device=x.device)[None], self.half_head)
        bias = length_bias(length * self.frames, x.shape[1])
        for block in blocks:
            x = block(x, *turn, bias)
        return x


class Decoder(nn.Module):
    def __init__(self, shape: Shape, dropout: float) -> None:
        super().__init__()
        self.half_head = shape.width // shape.heads // 2
        self.blocks = nn.ModuleList(
            DecoderBlock(shape, dropout) for _ in range(shape.decoder_layers)
        )
        self.norm = nn.LayerNorm(shape.width)

    def forward(self, x: Tensor, memory: Tensor, memory_length: Tensor) -> Tensor:
        """Embedded targets [B, T, width], shifted right, to normalised states of the same shape."""
        turn = rotation(torch.arange(x.shape[1], device=x.device)[None], self.half_head)
        bias = length_bias(memory_length, memory.shape[1])
        for block in self.blocks:
            x = block(x, *turn, memory, bias)
        out: Tensor = self.norm(x)
        return out

    def remember(self, memory: Tensor) -> Tensor:
        """The memory's keys and values [layers, B, S, 2*width]."""
        kept = []
        for block in self.blocks:
            assert isinstance(block, DecoderBlock)
            kept.append(block.cross.remember(memory))
        return torch.stack(kept)

    def step(
        self,
        x: Tensor,
        keys_values: Tensor,
        memory_length: Tensor,
        past: Tensor,
        past_length: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """T more positions of each row, after `past_length[b]` earlier ones.

        `past` [layers, B, T0, 2*width] holds earlier keys and values on the left, whatever is on
        their right is not looked at. Returns states [B, T, width] and the keys and values
        [layers, B, T, 2*width] of the new positions.
        """
        new_place = torch.arange(x.shape[1], device=x.device)
        turn = rotation(past_length[:, None] + new_place, self.half_head)
        memory_bias = length_bias(memory_length, keys_values.shape[2])
        bias = step_bias(past_length, past.shape[2], new_place)
        news = []
        for number, block in enumerate(self.blocks):
            assert isinstance(block, DecoderBlock)
            x, new = block.step(x, turn, keys_values[number], memory_bias, past[number], bias)
            news.append(new)
        return self.norm(x), torch.stack(news)

    def search(
        self, x: Tensor, at: int, keys_values: Tensor, memory_bias: Tensor, past: Past
    ) -> Tensor:
        """One more place, `at`, of B sources' K hypotheses: `x` [B, K, width] to states of the
        same shape; `keys_values` [layers, B, S, 2*width] are there once a source."""
        turn = rotation(torch.arange(at, at + 1, device=x.device)[None], self.half_head)
        past.begin(at)
        for number, block in enumerate(self.blocks):
            assert isinstance(block, DecoderBlock)
            x = x + block.attention.search(x, turn, partial(past.write, number), past.bias)
            x = block.onward(x, keys_values[number], memory_bias)
        out: Tensor = self.norm(x)
        return out


class Shaped(nn.Module):
    """A network that tells its sizes."""

    shape: Shape


class Translator(Shaped):
    """`table` [pieces, width] is shared by inputs and outputs of all parts."""

    def __init__(self, shape: Shape, dropout: float = 0.0) -> None:
        super().__init__()
        self.shape = shape
        self.dropout = dropout
        self.table = nn.Parameter(torch.randn(shape.pieces, shape.width) * shape.width**-0.5)
        self.encoder = Encoder(shape, dropout)
        self.drafter = Drafter(shape, dropout) if shape.drafter_layers else None
        self.decoder = Decoder(shape, dropout)
        self.apply(_initialise)

    def embed(self, tokens: Tensor) -> Tensor:
        x = look_up(self.table, tokens) * self.shape.width**0.5
        return F.dropout(x, self.dropout, self.training)

    def encode(self, tokens: Tensor, length: Tensor) -> Tensor:
        out: Tensor = self.encoder(self.embed(tokens), length)
        return out

    def decode(self, tokens: Tensor, memory: Tensor, memory_length: Tensor) -> Tensor:
        """States [B, T, width] of targets shifted right, all at once."""
        out: Tensor = self.decoder(self.embed(tokens), memory, memory_length)
        return out

    def draft(self, memory: Tensor, length: Tensor, feed_back: bool = True) -> Drafts:
        assert self.drafter is not None
        out: Drafts = self.drafter(memory, length, self.table, feed_back)
        return out


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear) and module.weight.any():
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)


def best_pieces(states: Tensor, table: Tensor) -> Tensor:
    """The likeliest piece of each state; nothing flows back through the choice."""
    with torch.no_grad():
        return likeliest(F.linear(states, table))


def parameter_count(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())
