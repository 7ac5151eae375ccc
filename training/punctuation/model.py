"""A small convolutional tagger: words in, log-probs of marks and cases out."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from workers.core.marks import Case, Mark
from workers.engines.formatting.vocabulary import HABITS, IDS, PAD


class Shape(NamedTuple):
    """Sizes; `around` words on each side are joined before the first layer."""

    embedding: int = 64
    width: int = 128
    inner: int = 256
    layers: int = 4
    kernel: int = 9
    around: int = 2
    dropout: float = 0.1


class Block(nn.Module):
    """A depthwise convolution over the words and two layers over the channels (ConvNeXt's way)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        padding = shape.kernel // 2
        self.across = nn.Conv1d(
            shape.width, shape.width, shape.kernel, padding=padding, groups=shape.width
        )
        self.norm = nn.LayerNorm(shape.width)
        self.up = nn.Linear(shape.width, shape.inner)
        self.down = nn.Linear(shape.inner, shape.width)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        """`x` [segments, words, width]; `there` is 0 where a segment has no word."""
        mixed = self.across((x * there).transpose(1, 2)).transpose(1, 2)
        changed: Tensor = self.down(functional.relu(self.up(self.norm(mixed))))
        return x + self.dropout(changed)


class Tagger(nn.Module):
    """ids and habits int64 [segments, words] -> log-probs [segments, words, 4 marks, 3 cases]."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.words = nn.Embedding(IDS, shape.embedding)
        self.habits = nn.Embedding(HABITS, shape.embedding)
        self.first = nn.Linear((2 * shape.around + 1) * shape.embedding, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(shape.width)
        self.dropout = nn.Dropout(shape.dropout)
        self.marks = nn.Linear(shape.width, len(Mark))
        self.cases = nn.Linear(shape.width, len(Case))
        nn.init.normal_(self.words.weight, std=0.1)
        nn.init.normal_(self.habits.weight, std=0.1)

    def forward(self, ids: Tensor, habits: Tensor) -> tuple[Tensor, Tensor]:
        there = (ids != PAD).unsqueeze(-1).float()
        x = (self.words(ids) + self.habits(habits)) * there
        x = functional.relu(self.first(self.dropout(neighbours(x, self.shape.around))))
        for block in self.blocks:
            x = block(x, there)
        x = self.norm(x)
        return self.marks(x).log_softmax(-1), self.cases(x).log_softmax(-1)


def neighbours(x: Tensor, around: int) -> Tensor:
    """Each word with those around it: [segments, words, (2 around + 1) width]."""
    words = x.shape[1]
    padded = functional.pad(x, (0, 0, around, around))
    return torch.cat([padded[:, i : i + words] for i in range(2 * around + 1)], -1)
