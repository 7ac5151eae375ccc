"""What a beam's hypotheses have attended to so far: written once, never moved, read by ancestry."""

import torch
from torch import Tensor

from .layers import MASKED
from .shape import Shape

#: Columns are read in blocks: attention's kernels want masks of whole eights.
BLOCK = 8
#: Of a place that is not written yet.
NOBODY = -1


class Past:
    """Keys and values of each layer [B, heads, limit, K, width/heads] for B sources and K
    hypotheses, of which each writes its own column.

    A hypothesis goes on from any of the K, so a row's hypotheses are K queries over all that the
    row holds, and `ancestry` [B, K, limit] says whose column a hypothesis sees at each place. Only
    that is reordered, never keys and values.
    """

    def __init__(self, shape: Shape, rows: int, beam: int, limit: int, like: Tensor) -> None:
        self.beam, self.at, self.bias = beam, 0, like.new_empty(0)
        limit = -(-limit // BLOCK) * BLOCK
        size = (rows, shape.heads, limit, beam, shape.width // shape.heads)
        # zeros: what a mask hides must still be numbers
        self.keys = [like.new_zeros(size) for _ in range(shape.decoder_layers)]
        self.values = [like.new_zeros(size) for _ in range(shape.decoder_layers)]
        self.ancestry = torch.full((rows, beam, limit), NOBODY, device=like.device)

    def begin(self, at: int) -> None:
        """A step at place `at`: each hypothesis sees what its ancestors wrote, and itself."""
        self.at, self.used = at, (at // BLOCK + 1) * BLOCK
        column = torch.arange(self.beam, device=self.ancestry.device)
        self.ancestry[:, :, at] = column
        seen = self.ancestry[:, :, : self.used, None] == column
        bias = torch.where(seen.flatten(2), 0.0, MASKED)
        self.bias = bias[:, None].to(self.keys[0].dtype)

    def write(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Takes those [B, heads, K, width/heads] of the step; returns all so far, places and
        hypotheses in one dimension, as `bias` [B, 1, K, places * K] counts them."""
        so_far = []
        for kept, new in ((self.keys[layer], keys), (self.values[layer], values)):
            kept[:, :, self.at] = new
            so_far.append(kept[:, :, : self.used].flatten(2, 3))
        return so_far[0], so_far[1]

    def follow(self, parent: Tensor) -> None:
        """Hypothesis k of row b goes on from its `parent[b, k]`."""
        row = torch.arange(len(parent), device=parent.device)[:, None]
        self.ancestry = self.ancestry[row, parent]

    def keep(self, rows: Tensor) -> None:
        """Goes on with these rows alone."""
        self.ancestry = self.ancestry[rows]
        for held in (self.keys, self.values):
            for layer, kept in enumerate(held):
                held[layer] = kept[rows]
