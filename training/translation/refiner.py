"""Mask-Predict over a draft's unsure pieces (Ghazvininejad et al. 2019; on CTC drafts: Higuchi et
al. 2020): a decoder that sees both sides fills them in, on the frozen encoder of a student."""

import torch
from torch import Tensor, nn

from .batches import Batch
from .layers import DecoderBlock, length_bias, rotation
from .losses import plain_loss
from .model import Shaped, Translator
from .pieces import BLANK, MASK, Ids
from .tasks import Parts
from .voice import FORBIDDEN

#: A draft's piece below this probability is asked again.
UNSURE = 0.9


class Refiner(Shaped):
    """Layers of a decoder without causality over `net`, which stays as it is and isn't saved
    along."""

    def __init__(self, net: Translator, dropout: float = 0.0) -> None:
        super().__init__()
        shape = self.shape = net.shape
        self.half_head = shape.width // shape.heads // 2
        self.blocks = nn.ModuleList(
            DecoderBlock(shape, dropout) for _ in range(shape.decoder_layers)
        )
        self.norm = nn.LayerNorm(shape.width)
        self.load_state_dict(net.decoder.state_dict())
        # in a list it is no part of this module: neither trained nor saved
        self._given = [net.eval().requires_grad_(False)]

    @property
    def net(self) -> Translator:
        return self._given[0]

    def forward(self, tokens: Tensor, length: Tensor, memory: Tensor, heard: Tensor) -> Tensor:
        """States [B, T, width] of pieces [B, T], `length[b]` each, some of them MASK; `heard` are
        the lengths of `memory`."""
        x = self.net.embed(tokens)
        turn = rotation(torch.arange(x.shape[1], device=x.device)[None], self.half_head)
        memory_bias = length_bias(heard, memory.shape[1])
        own_bias = length_bias(length, x.shape[1])
        for block in self.blocks:
            assert isinstance(block, DecoderBlock)
            kept = block.cross.remember(memory)
            x, _ = block.step(x, turn, kept, memory_bias, None, own_bias)
        out: Tensor = self.norm(x)
        return out


class MaskStep(nn.Module):
    """Each row has its own share of its pieces hidden, anything from none to all."""

    def __init__(self, refiner: Refiner) -> None:
        super().__init__()
        self.refiner = refiner

    def forward(
        self, source: Tensor, length: Tensor, shifted: Tensor, target: Tensor
    ) -> tuple[Tensor, ...]:
        net = self.refiner.net
        with torch.no_grad():
            memory = net.encode(source, length)
        real = target > MASK
        share = torch.rand(len(target), 1, device=target.device)
        hidden = real & (torch.rand(target.shape, device=target.device) < share)
        tokens = torch.where(real, target, BLANK).masked_fill(hidden, MASK)
        states = self.refiner(tokens, real.sum(-1), memory, length)
        entropy = plain_loss(states, net.table, target.masked_fill(~hidden, BLANK))
        return entropy, hidden.sum()


class Filling:
    """Learns to fill what is hidden."""

    def __init__(self, refiner: Refiner) -> None:
        self.step = MaskStep(refiner)

    def parts(self, outputs: tuple[Tensor, ...], batch: Batch) -> Parts:
        entropy, hidden = outputs
        mean = entropy / hidden.clamp(min=1)
        return {"total": mean, "cross_entropy": mean.detach()}


def draft_pieces(net: Translator, memory: Tensor, length: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A greedy CTC draft as pieces [B, F] padded with blanks, the probability of each, and how
    many there are; F is the number of frames."""
    states = net.draft(memory, length).final
    sure, best = (states @ net.table.T).float().log_softmax(-1).max(-1)
    size = best.shape[1]
    frame = torch.arange(size, device=best.device)
    best = best.masked_fill(frame >= (length * net.shape.split)[:, None], BLANK)
    before = torch.cat([torch.zeros_like(best[:, :1]), best[:, :-1]], 1)
    new = (best != BLANK) & (best != before)
    # frames of no piece go to a column of their own
    place = torch.where(best != BLANK, new.cumsum(-1) - 1, size)
    tokens = best.new_zeros(len(best), size + 1).scatter(1, place, best)
    scores = sure.new_zeros(len(best), size + 1).scatter_reduce(1, place, sure.exp(), "amax")
    return tokens[:, :size], scores[:, :size], new.sum(-1)


def best_of(states: Tensor, table: Tensor) -> tuple[Tensor, Tensor]:
    """Log-prob and id of the likeliest piece that a translation may hold."""
    forbidden = torch.tensor(FORBIDDEN, device=table.device)
    scores = (states @ table.T).float().index_fill(-1, forbidden, -torch.inf)
    score, best = scores.log_softmax(-1).max(-1)
    return score, best


def refine(
    refiner: Refiner, source: Tensor, length: Tensor, passes: int, unsure: float = UNSURE
) -> list[Ids]:
    """The draft with its unsure pieces filled in, the surest first, an equal part each pass."""
    net = refiner.net
    memory = net.encode(source, length)
    tokens, sure, count = draft_pieces(net, memory, length)
    tokens = tokens[:, : max(int(count.max()), 1)]
    hidden = (sure[:, : tokens.shape[1]] < unsure) & (tokens != BLANK)
    for left in range(passes, 0, -1):
        asked = tokens.masked_fill(hidden, MASK)
        score, best = best_of(refiner(asked, count, memory, length), net.table)
        score = score.masked_fill(~hidden, -torch.inf)
        rank = score.argsort(-1, descending=True).argsort(-1)
        filled = hidden & (rank < (hidden.sum(-1, keepdim=True) + left - 1) // left)
        tokens = torch.where(filled, best, tokens)
        hidden = hidden & ~filled
    return [row[:n] for row, n in zip(tokens.tolist(), count.tolist(), strict=True)]
