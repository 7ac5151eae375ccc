"""A shortlist of pieces for each source, read from its memory by a product of low rank: the drafter
then multiplies by hundreds of rows of the table, not by all (shortlists by source: Jean et al.
2015)."""

import torch
from torch import Tensor, nn

from .batches import Batch
from .layers import MASKED, length_bias
from .model import Shaped, Translator
from .pieces import BLANK, MASK
from .tasks import Parts

#: Rank of the product, and how many pieces a list has.
RANK, LISTED = 64, 512


class Shortlist(Shaped):
    """A score of each piece: the most that any place of the memory gives it. `net` stays as it is
    and isn't saved along."""

    def __init__(self, net: Translator) -> None:
        super().__init__()
        shape = self.shape = net.shape
        self.down = nn.Linear(shape.width, RANK)
        self.up = nn.Parameter(torch.randn(shape.pieces, RANK) * RANK**-0.5)
        self.often = nn.Parameter(torch.zeros(shape.pieces))
        self._given = [net.eval().requires_grad_(False)]

    @property
    def net(self) -> Translator:
        return self._given[0]

    def forward(self, memory: Tensor, length: Tensor) -> Tensor:
        """[B, pieces] of memory [B, S, width]."""
        each = self.down(memory) @ self.up.T
        real = length_bias(length, memory.shape[1])[:, 0, 0, :, None]
        return (each + real).amax(1) + self.often

    def ids(self, memory: Tensor, length: Tensor) -> Tensor:
        """[B, LISTED], the blank among them."""
        scores = self(memory, length)
        blank = torch.arange(scores.shape[1], device=scores.device) == BLANK
        return scores.masked_fill(blank, -MASKED).topk(min(LISTED, scores.shape[1])).indices


class ListStep(nn.Module):
    """How far the pieces of the target stand from the top, and how many are not on the list."""

    def __init__(self, shortlist: Shortlist) -> None:
        super().__init__()
        self.shortlist = shortlist

    def forward(
        self, source: Tensor, length: Tensor, shifted: Tensor, target: Tensor
    ) -> tuple[Tensor, ...]:
        with torch.no_grad():
            memory = self.shortlist.net.encode(source, length)
        scores = self.shortlist(memory, length).float()
        real = target > MASK
        wanted = scores.gather(1, target)
        entropy = ((scores.logsumexp(-1, keepdim=True) - wanted) * real).sum()
        least = scores.topk(min(LISTED, scores.shape[1])).values[:, -1:]
        missed = ((wanted < least) & real).sum()
        return entropy / real.sum().clamp(min=1), missed / real.sum().clamp(min=1)


class Listing:
    def __init__(self, shortlist: Shortlist) -> None:
        self.step = ListStep(shortlist)

    def parts(self, outputs: tuple[Tensor, ...], batch: Batch) -> Parts:
        entropy, missed = outputs
        return {"total": entropy, "missed": missed.detach()}
