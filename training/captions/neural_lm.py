"""A small neural language model that rescores the finals' n-best lists: a causal transformer.

It reads word pieces. A text starts with MARK and sees nothing before it, so that a row of training
may hold many texts, and all hypotheses of a segment may be one tree (`forward_at`).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

MARK = 0
"""Begins and closes every text; it stands for unknown characters too."""

PIECES = 2048
LONGEST = 96


@dataclass(frozen=True)
class LmShape:
    width: int = 256
    layers: int = 4
    heads: int = 4
    feedforward: int = 1024
    pieces: int = PIECES
    longest: int = LONGEST


SHAPES = {
    "small": LmShape(width=160, layers=4, feedforward=640),
    "large": LmShape(width=256, layers=4, feedforward=1024),
    "tiny": LmShape(width=32, layers=1, heads=2, feedforward=64),
}


class LmBlock(nn.Module):
    def __init__(self, shape: LmShape, dropout: float) -> None:
        super().__init__()
        self.heads = shape.heads
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(shape.width)
        self.project = nn.Linear(shape.width, 3 * shape.width)
        self.out = nn.Linear(shape.width, shape.width)
        self.inner_norm = nn.LayerNorm(shape.width)
        self.up = nn.Linear(shape.width, shape.feedforward)
        self.down = nn.Linear(shape.feedforward, shape.width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        q, k, v = (
            p.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for p in self.project(self.norm(x)).chunk(3, -1)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + self.dropout(self.out(mixed.transpose(1, 2).flatten(2)))
        inner = self.down(F.gelu(self.up(self.inner_norm(x))))
        out: Tensor = x + self.dropout(inner)
        return out


class NeuralLm(nn.Module):
    """Piece ids to next-piece logits; input and output share a table."""

    def __init__(self, shape: LmShape, dropout: float = 0.0) -> None:
        super().__init__()
        self.shape = shape
        self.dropout = nn.Dropout(dropout)
        self.pieces = nn.Embedding(shape.pieces, shape.width)
        self.places = nn.Embedding(shape.longest, shape.width)
        self.blocks = nn.ModuleList(LmBlock(shape, dropout) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(shape.width)
        nn.init.normal_(self.pieces.weight, std=0.02)
        nn.init.normal_(self.places.weight, std=0.02)

    def forward(self, ids: Tensor) -> Tensor:
        """Rows of texts, each led by MARK: ids [B, T] to logits [B, T, pieces]."""
        return self.forward_at(ids, places_of(ids), seen(ids))

    def forward_at(self, ids: Tensor, places: Tensor, mask: Tensor) -> Tensor:
        """`places` [B, T] count from a text's MARK; `mask` [B, 1, T, T] is true where a place
        may look.
        """
        x = self.dropout(self.pieces(ids) + self.places(places))
        for block in self.blocks:
            x = block(x, mask)
        return F.linear(self.norm(x), self.pieces.weight)


def places_of(ids: Tensor) -> Tensor:
    """How far each piece is behind its text's MARK, or the row's start."""
    here = torch.arange(ids.shape[1], device=ids.device).expand_as(ids)
    marks = torch.where(ids == MARK, here, torch.zeros_like(here))
    return here - marks.cummax(1).values


def seen(ids: Tensor) -> Tensor:
    """Each piece sees itself and what its own text has before it [B, 1, T, T]."""
    texts = (ids == MARK).cumsum(1)
    same = texts[:, None, :, None] == texts[:, None, None, :]
    return same & torch.ones_like(same).tril()
