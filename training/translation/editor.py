"""Levenshtein edits of a draft (Gu et al. 2019) on the frozen encoder of a student: pieces that
should go are struck out, gaps get as many masks as are missing, masks are filled in."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from .alignment import common_places, packed_left
from .batches import Batch
from .losses import plain_loss
from .model import Translator
from .pieces import BEGIN, BLANK, END, MASK, Ids
from .refiner import Refiner, best_of, draft_pieces
from .tasks import Parts

#: So many pieces are put into one gap at a time.
MOST_MISSING = 8
#: Of what the draft had right, up to this share is taken away in training, so that there is enough
#: to put in.
TAKEN_AWAY = 0.5


class Editor(Refiner):
    """One body for all three; a head each for striking out and for counting what is missing."""

    def __init__(self, net: Translator, dropout: float = 0.0) -> None:
        super().__init__(net, dropout)
        self.strike = nn.Linear(net.shape.width, 2)
        self.count = nn.Linear(2 * net.shape.width, MOST_MISSING + 1)

    def strikes(self, tokens: Tensor, count: Tensor, memory: Tensor, heard: Tensor) -> Tensor:
        """Logits [B, T, 2] of staying and going."""
        out: Tensor = self.strike(self(tokens, count, memory, heard))
        return out

    def gaps(self, tokens: Tensor, count: Tensor, memory: Tensor, heard: Tensor) -> Tensor:
        """Logits [B, T + 1, MOST_MISSING + 1] of what is missing before each piece and behind the
        last."""
        states = self(_framed(tokens, count), count + 2, memory, heard)
        out: Tensor = self.count(torch.cat([states[:, :-1], states[:, 1:]], -1))
        return out


def _framed(tokens: Tensor, count: Tensor) -> Tensor:
    """With a begin before them and an end behind."""
    framed = F.pad(tokens, (1, 1), value=BLANK)
    framed[:, 0] = BEGIN
    return framed.scatter(1, count[:, None] + 1, END)


class EditStep(nn.Module):
    def __init__(self, editor: Editor) -> None:
        super().__init__()
        self.editor = editor

    def forward(
        self, source: Tensor, length: Tensor, shifted: Tensor, target: Tensor
    ) -> tuple[Tensor, ...]:
        editor, net = self.editor, self.editor.net
        goal = target.masked_fill(target <= MASK, BLANK)
        real = goal != BLANK
        with torch.no_grad():
            memory = net.encode(source, length)
            draft, _, count = draft_pieces(net, memory, length)
            places = common_places(draft, goal)
        strikes = editor.strikes(draft, count, memory, length)
        share = TAKEN_AWAY * torch.rand(len(goal), 1, device=goal.device)
        kept = (places > 0) & (torch.rand(goal.shape, device=goal.device) >= share)
        left, own = packed_left(goal, kept)
        gaps = editor.gaps(left, own, memory, length)
        missing = real & ~kept
        states = editor(goal.masked_fill(missing, MASK), real.sum(-1), memory, length)
        entropy = plain_loss(states, net.table, goal.masked_fill(~missing, BLANK))
        return (
            _mean(strikes, _struck(draft, places), draft != BLANK),
            _mean(gaps, _missing(kept, missing), _up_to(own, gaps.shape[1])),
            entropy / missing.sum().clamp(min=1),
        )


def _struck(draft: Tensor, places: Tensor) -> Tensor:
    """[B, F]: 1 where a piece of the draft is paired with none of the target."""
    free = draft.new_ones(len(draft), draft.shape[1] + 1).scatter(1, places, 0)
    return free[:, 1:]


def _missing(kept: Tensor, missing: Tensor) -> Tensor:
    """[B, T + 1]: how many are missing before each that is kept and behind the last."""
    counts = torch.zeros(len(kept), kept.shape[1] + 1, dtype=torch.long, device=kept.device)
    return counts.scatter_add(1, kept.cumsum(-1), missing.long()).clamp(max=MOST_MISSING)


def _up_to(count: Tensor, size: int) -> Tensor:
    return torch.arange(size, device=count.device) <= count[:, None]


def _mean(logits: Tensor, labels: Tensor, real: Tensor) -> Tensor:
    log_probs = logits.float().log_softmax(-1)
    picked = log_probs.gather(-1, labels[..., None])[..., 0]
    return -(picked * real).sum() / real.sum().clamp(min=1)


class Editing:
    """Learns all three at once."""

    def __init__(self, editor: Editor) -> None:
        self.step = EditStep(editor)

    def parts(self, outputs: tuple[Tensor, ...], batch: Batch) -> Parts:
        strike, gap, entropy = outputs
        return {
            "total": strike + gap + entropy,
            "strike": strike.detach(),
            "gap": gap.detach(),
            "cross_entropy": entropy.detach(),
        }


def edit(editor: Editor, source: Tensor, length: Tensor, rounds: int) -> list[Ids]:
    """The draft after so many rounds of three passes each."""
    net = editor.net
    memory = net.encode(source, length)
    tokens, _, count = draft_pieces(net, memory, length)
    for _ in range(rounds):
        tokens = tokens[:, : max(int(count.max()), 1)]
        stays = editor.strikes(tokens, count, memory, length).argmax(-1) == 0
        tokens, count = packed_left(tokens, stays & (tokens != BLANK))
        gaps = editor.gaps(tokens, count, memory, length).argmax(-1)
        tokens, count = _opened(tokens, count, gaps * _up_to(count, gaps.shape[1]))
        _, best = best_of(editor(tokens, count, memory, length), net.table)
        tokens = torch.where(tokens == MASK, best, tokens)
    return [row[:n] for row, n in zip(tokens.tolist(), count.tolist(), strict=True)]


def _opened(tokens: Tensor, count: Tensor, gaps: Tensor) -> tuple[Tensor, Tensor]:
    """Masks put into the gaps [B, T + 1]; the pieces and how many there are now."""
    total = count + gaps.sum(-1)
    size = max(int(total.max()), 1)
    place = torch.arange(tokens.shape[1], device=tokens.device) + gaps.cumsum(-1)[:, :-1]
    place = torch.where(tokens != BLANK, place, size)
    room = torch.arange(size + 1, device=tokens.device) < total[:, None]
    opened = torch.where(room, MASK, BLANK).scatter(1, place, tokens)
    return opened[:, :size], total
