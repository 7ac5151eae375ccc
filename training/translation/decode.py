"""Decoding on the device that trains: greedy and beam search with a key/value cache, and drafts.

Rows are sources [B, S] on the device with their lengths; results are lists of pieces.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
import torch
from torch import Tensor

from .batches import Bank
from .model import Translator
from .packed import Array, Ragged
from .pieces import BEGIN, BLANK, END, MASK, UNKNOWN, Ids, collapse

#: Pieces that no translation holds.
FORBIDDEN = [BLANK, BEGIN, UNKNOWN, *range(END + 2, MASK + 1)]
#: How often the host asks whether all rows are over: asking waits for the device.
ASK_EVERY = 4
#: Hypotheses decoded at once: attention's kernels count them in 16 bits.
MOST_ROWS = 49_152
Say = Callable[[Tensor, Tensor], list[Ids]]


def narrow(device: torch.device) -> AbstractContextManager[object]:
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


class Search:
    """B sources, K hypotheses each; `length_power` divides scores by length to its power. A row's
    limit is half as long again as its source, and ten pieces."""

    def __init__(
        self, net: Translator, source: Tensor, length: Tensor, beam: int, length_power: float = 1.0
    ) -> None:
        self.net, self.beam, self.power = net, beam, length_power
        rows, device = len(source), source.device
        memory = net.encode(source, length)
        self.keys_values = net.decoder.remember(memory).repeat_interleave(beam, 1)
        self.length = length.repeat_interleave(beam)
        layers, width = net.shape.decoder_layers, net.shape.width
        self.past = self.keys_values.new_zeros(layers, rows * beam, 0, 2 * width)
        self.forbidden = torch.tensor(FORBIDDEN, device=device)
        self.row_limits = length * 3 // 2 + 10
        limit = int(self.row_limits.max())
        self.tokens = torch.full((rows, beam, limit + 1), BLANK, device=device)
        self.tokens[:, :, 0] = BEGIN
        self.scores = torch.full((rows, beam), -torch.inf, device=device)
        self.scores[:, 0] = 0.0
        self.best = torch.full((rows,), -torch.inf, device=device)
        self.best_tokens = torch.full((rows, limit), BLANK, device=device)
        self.open_tokens = self.best_tokens.clone()
        self.ended = torch.zeros(rows, dtype=torch.long, device=device)
        self.limit = limit

    def run(self) -> list[Ids]:
        for at in range(self.limit):
            self._step(at)
            if at % ASK_EVERY == ASK_EVERY - 1 and bool((self.ended >= self.beam).all()):
                break
        return self._results()

    def _log_probs(self, at: int) -> Tensor:
        net = self.net
        rows = self.length.shape[0]
        last = self.tokens[:, :, at].reshape(rows, 1)
        lengths = torch.full_like(self.length, at)
        x = net.embed(last)
        states, new = net.decoder.step(x, self.keys_values, self.length, self.past, lengths)
        self.past = torch.cat([self.past, new.to(self.past.dtype)], 2)
        logits = (states[:, 0] @ net.table.T).float()
        logits.index_fill_(1, self.forbidden, -torch.inf)
        return logits.log_softmax(-1).view(-1, self.beam, logits.shape[-1])

    def _step(self, at: int) -> None:
        beam, rows = self.beam, len(self.scores)
        # the best of a row's hypotheses lie among the best of each
        top, piece = self._log_probs(at).topk(2 * beam, -1)
        scores, index = (self.scores[:, :, None] + top).flatten(1).topk(2 * beam, -1)
        parent, piece = index // (2 * beam), piece.flatten(1).gather(1, index)
        over = piece == END
        self._keep_ended(at, scores[:, :beam], parent[:, :beam], over[:, :beam])
        alive, order = scores.masked_fill(over, -torch.inf).topk(beam, -1)
        parent, piece = parent.gather(1, order), piece.gather(1, order)
        self.scores = alive
        row = torch.arange(rows, device=parent.device)[:, None]
        self.tokens = self.tokens[row, parent]
        self.tokens[:, :, at + 1] = piece
        if beam > 1:
            self.past = self.past[:, (row * beam + parent).flatten()]
        at_limit = (self.row_limits == at + 1)[:, None]
        self.open_tokens = torch.where(at_limit, self.tokens[:, 0, 1:], self.open_tokens)

    def _keep_ended(self, at: int, scores: Tensor, parent: Tensor, over: Tensor) -> None:
        value = torch.where(over, scores / (at + 1) ** self.power, -torch.inf)
        closed = (self.ended >= self.beam) | (self.row_limits <= at)
        value = value.masked_fill(closed[:, None], -torch.inf)
        best, place = value.max(-1)
        better = best > self.best
        self.best = torch.where(better, best, self.best)
        winner = parent.gather(1, place[:, None])[:, 0]
        row = torch.arange(len(scores), device=scores.device)
        text = self.tokens[row, winner, 1:].clone()
        text[:, at:] = BLANK
        self.best_tokens = torch.where(better[:, None], text, self.best_tokens)
        self.ended = self.ended + over.sum(-1)

    def _results(self) -> list[Ids]:
        """A row that never ended gives what its best hypothesis had at its limit."""
        open_ended = torch.isinf(self.best)[:, None]
        tokens = torch.where(open_ended, self.open_tokens, self.best_tokens)
        return [[i for i in row if i != BLANK] for row in tokens.tolist()]


def draft(net: Translator, source: Tensor, length: Tensor, feed_back: bool = True) -> list[Ids]:
    """Greedy CTC."""
    states = net.draft(net.encode(source, length), length, feed_back).final
    best = (states @ net.table.T).argmax(-1)
    frames = (length * net.shape.split).tolist()
    return [collapse(row[:n]) for row, n in zip(best.tolist(), frames, strict=True)]


def decode_all(
    net: Translator, texts: Ragged, asked: Array, how: str, places: int = 32_000, beam: int = 4
) -> list[Ids]:
    """Translations of each of `asked` [N, 2] = row of the texts, tag; `how` is draft, greedy or
    beam."""
    width = beam if how == "beam" else 1

    def say(source: Tensor, length: Tensor) -> list[Ids]:
        if how == "draft":
            return draft(net, source, length)
        return Search(net, source, length, width).run()

    return say_all(say, net, texts, asked, places, width)


def say_all(
    say: Say, net: Translator, texts: Ragged, asked: Array, places: int, width: int = 1
) -> list[Ids]:
    """What `say` makes of sources [B, S] and lengths [B], for each of `asked` [N, 2] = row of the
    texts, tag. Sources of like length go together, `places` of them at once over `width`
    hypotheses."""
    device = net.table.device
    bank = Bank(texts, Ragged.of([]), device)
    ends = texts.lengths[asked[:, 0]]
    order = np.argsort(ends, kind="stable")
    found: list[Ids] = [[]] * len(asked)
    at = 0
    net.eval()
    with torch.inference_mode(), narrow(device):
        while at < len(order):
            # shortest first: the last of a part is its longest
            rows_now = min(places // int(ends[order[at]] + 2), MOST_ROWS) // width
            part = order[at : at + max(1, rows_now)]
            rows, tags = torch.from_numpy(asked[part].T.copy()).to(device)
            length = torch.from_numpy(ends[part]).to(device)
            source = bank.source(rows, length, tags, int(ends[part[-1]]) + 2)
            for which, ids in zip(part, say(source, length + 2), strict=True):
                found[which] = ids
            at += len(part)
    return found
