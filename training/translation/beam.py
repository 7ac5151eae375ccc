"""Beam search on the device that trains, thousands of hypotheses at once; of one it is greedy."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from .model import Translator
from .pieces import BEGIN, BLANK, END, Ids
from .voice import Voice

#: How often the host asks which rows are over: asking waits for the device.
ASK_EVERY = 4
#: Rows that are over leave the batch when so much of it is over.
SHRINK_AT = 0.25
PART = 32
PAIR_BITS = 16
#: What likeness to a model is worth, in nats a piece.
LIKENESS = 1.0


@dataclass
class Rows:
    """What changes of the B rows that are searched, and whose they are (`row`).

    `tokens` [B, K, limit + 1] begin with BEGIN; `scores` [B, K] are sums of log-probs; `best` [B]
    is the score of `best_tokens` [B, limit], `ended` [B] how many hypotheses have ended;
    `open_tokens` is the best at the row's own limit; `model` [B, M] is what a translation should
    be like, padded with blanks, M is 0 where there is none."""

    row: Tensor
    limits: Tensor
    tokens: Tensor
    scores: Tensor
    best: Tensor
    best_tokens: Tensor
    open_tokens: Tensor
    ended: Tensor
    model: Tensor

    @classmethod
    def begin(cls, limits: Tensor, beam: int, model: Tensor | None) -> "Rows":
        rows, limit, device = len(limits), int(limits.max()), limits.device
        tokens = torch.full((rows, beam, limit + 1), BLANK, device=device)
        tokens[:, :, 0] = BEGIN
        scores = torch.full((rows, beam), -torch.inf, device=device)
        scores[:, 0] = 0.0
        nothing = torch.full((rows, limit), BLANK, device=device)
        row = torch.arange(rows, device=device)
        best, ended = torch.full_like(scores[:, 0], -torch.inf), torch.zeros_like(row)
        model = nothing[:, :0] if model is None else model
        return cls(row, limits, tokens, scores, best, nothing, nothing.clone(), ended, model)

    def chosen(self, index: Tensor) -> "Rows":
        return Rows(*(getattr(self, field.name)[index] for field in fields(self)))


class Search:
    """B sources, K hypotheses each; `length_power` divides scores by length to its power. A row's
    limit is half as long again as its source, and ten pieces. Several networks over the same
    pieces decide together, by the mean of their log-probs. Where a row of `model` [B, M] has
    pieces, the hypothesis that is most like them is preferred in the end, as in sequence-level
    interpolation (Kim and Rush 2016)."""

    def __init__(
        self,
        nets: Sequence[Translator],
        source: Tensor,
        length: Tensor,
        beam: int,
        length_power: float = 1.0,
        model: Tensor | None = None,
    ) -> None:
        self.beam, self.power = beam, length_power
        self.rows = Rows.begin(length * 3 // 2 + 10, beam, model)
        self.said = self.rows.best_tokens.clone()
        self.best = self.rows.best.clone()
        self.limit = self.said.shape[1]
        self.voices = [Voice(net, source, length, beam, self.limit) for net in nets]

    def run(self) -> list[Ids]:
        for at in range(self.limit):
            self._step(at)
            if at % ASK_EVERY == ASK_EVERY - 1 and not self._shrink(at):
                break
        self._settle()
        return [[i for i in row if i != BLANK] for row in self.said.tolist()]

    def _shrink(self, at: int) -> int:
        """Lets rows go that are over, if they are many; how many are not over."""
        rows = self.rows
        going = ((rows.ended < self.beam) & (rows.limits > at + 1)).nonzero()[:, 0]
        if 0 < len(going) <= (1 - SHRINK_AT) * len(rows.row):
            self._settle()
            self.rows = rows.chosen(going)
            for voice in self.voices:
                voice.keep(going)
        return len(going)

    def _settle(self) -> None:
        """A row that never ended gives what its best hypothesis had at its limit."""
        rows = self.rows
        open_ended = torch.isinf(rows.best)[:, None]
        self.said[rows.row] = torch.where(open_ended, rows.open_tokens, rows.best_tokens)
        self.best[rows.row] = rows.best

    def _log_probs(self, at: int) -> Tensor:
        tokens = self.rows.tokens[:, :, at]
        first, *others = (voice.log_probs(tokens, at) for voice in self.voices)
        for other in others:
            first += other
        return first / len(self.voices)

    def _step(self, at: int) -> None:
        beam, rows = self.beam, self.rows
        # the best of a row's hypotheses lie among the best of each
        top, piece = largest(self._log_probs(at), 2 * beam)
        scores, index = (rows.scores[:, :, None] + top).flatten(1).topk(2 * beam, -1)
        parent, piece = index // (2 * beam), piece.flatten(1).gather(1, index)
        over = piece == END
        self._keep_ended(at, scores[:, :beam], parent[:, :beam], over[:, :beam])
        rows.scores, order = scores.masked_fill(over, -torch.inf).topk(beam, -1)
        parent, piece = parent.gather(1, order), piece.gather(1, order)
        rows.tokens = rows.tokens[_numbers(parent), parent]
        rows.tokens[:, :, at + 1] = piece
        for voice in self.voices:
            voice.follow(parent)
        at_limit = (rows.limits == at + 1)[:, None]
        rows.open_tokens = torch.where(at_limit, rows.tokens[:, 0, 1:], rows.open_tokens)

    def _keep_ended(self, at: int, scores: Tensor, parent: Tensor, over: Tensor) -> None:
        rows = self.rows
        value = scores / (at + 1) ** self.power
        if rows.model.shape[1]:
            said = rows.tokens[_numbers(parent), parent, 1 : at + 1]
            value = value + LIKENESS * likeness(said, rows.model)
        value = torch.where(over, value, -torch.inf)
        closed = (rows.ended >= self.beam) | (rows.limits <= at)
        best, place = value.masked_fill(closed[:, None], -torch.inf).max(-1)
        better = best > rows.best
        rows.best = torch.where(better, best, rows.best)
        winner = parent.gather(1, place[:, None])
        text = rows.tokens[_numbers(winner), winner, 1:][:, 0]
        text[:, at:] = BLANK
        rows.best_tokens = torch.where(better[:, None], text, rows.best_tokens)
        rows.ended = rows.ended + over.sum(-1)


def _numbers(rows: Tensor) -> Tensor:
    return torch.arange(len(rows), device=rows.device)[:, None]


def likeness(said: Tensor, model: Tensor) -> Tensor:
    """Of hypotheses [B, K, T] and models [B, M]: the share 0 to 1 of pieces and of pairs of
    neighbours that they have in common; 0 where a model is empty."""
    count = (model != BLANK).sum(-1, keepdim=True)
    # a blank in a pair is a negative number, which no pair of pieces is
    pairs = torch.where(model[:, 1:] != BLANK, paired(model), -1)
    common = _among(said, model).clamp(max=count)
    common += _among(paired(said), pairs).clamp(max=(count - 1).clamp(min=0))
    total = (2 * said.shape[2] - 1) + (2 * count - 1)
    return torch.where(count > 0, 2 * common / total.clamp(min=1), 0.0)


def paired(pieces: Tensor) -> Tensor:
    """A number for each two neighbours."""
    return (pieces[..., :-1] << PAIR_BITS) + pieces[..., 1:]


def _among(said: Tensor, model: Tensor) -> Tensor:
    """How many of each [B, K, T] are among [B, M]."""
    return (said[..., None] == model[:, None, None]).any(-1).sum(-1)


def largest(scores: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The `count` largest of [..., pieces] and their places, in two stages: they lie in the parts
    whose own largest are the largest. `topk` alone reads a long row once for each byte."""
    if scores.shape[-1] % PART or scores.shape[-1] // PART < count:
        return scores.topk(count, -1)
    parts = scores.unflatten(-1, (-1, PART))
    part = parts.amax(-1).topk(count, -1).indices
    within = parts.gather(-2, part[..., None].expand(*part.shape, PART)).flatten(-2)
    top, place = within.topk(count, -1)
    return top, part.gather(-1, place // PART) * PART + place % PART
