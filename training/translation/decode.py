"""Decoding on the device that trains, many texts at once: greedy, beam search, drafts.

Rows are sources [B, S] on the device with their lengths; results are lists of pieces.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import numpy as np
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from .batches import Bank
from .beam import Search
from .model import Translator
from .packed import Array, Ragged
from .past import BLOCK
from .pieces import Ids, collapse

#: Hypotheses decoded at once: attention's kernels count them in 16 bits.
MOST_ROWS = 49_152
#: Without cuDNN's, which makes a plan for each new shape; here shapes are new all the time.
ATTENTION = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
Say = Callable[[Tensor, Tensor], list[Ids]]


def narrow(device: torch.device) -> AbstractContextManager[object]:
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


def draft(net: Translator, source: Tensor, length: Tensor, feed_back: bool = True) -> list[Ids]:
    """Greedy CTC."""
    states = net.draft(net.encode(source, length), length, feed_back).final
    best = (states @ net.table.T).argmax(-1)
    frames = (length * net.shape.split).tolist()
    return [collapse(row[:n]) for row, n in zip(best.tolist(), frames, strict=True)]


def decode_all(
    net: Translator,
    texts: Ragged,
    asked: Array,
    how: str,
    places: int = 32_000,
    beam: int = 4,
    *,
    others: Sequence[Translator] = (),
    models: Ragged | None = None,
) -> list[Ids]:
    """Translations of each of `asked` [N, 2] = row of the texts, tag; `how` is draft, greedy or
    beam, the latter two together with the `others`, and near to the row of `models` that is each
    one's, where it is not empty."""
    width = beam if how == "beam" else 1
    nets = [net, *(other.eval() for other in others)]

    def say(source: Tensor, length: Tensor, part: Array) -> list[Ids]:
        if how == "draft":
            return draft(net, source, length)
        model = None if models is None else torch.from_numpy(models.padded(part)).to(source.device)
        return Search(nets, source, length, width, model=model).run()

    return _in_batches(say, net, texts, asked, places, width)


def say_all(say: Say, net: Translator, texts: Ragged, asked: Array, places: int) -> list[Ids]:
    """What `say` makes of sources [B, S] and lengths [B], for each of `asked` [N, 2] = row of the
    texts, tag."""

    def say_them(source: Tensor, length: Tensor, part: Array) -> list[Ids]:
        return say(source, length)

    return _in_batches(say_them, net, texts, asked, places, 1)


def _in_batches(
    say: Callable[[Tensor, Tensor, Array], list[Ids]],
    net: Translator,
    texts: Ragged,
    asked: Array,
    places: int,
    width: int,
) -> list[Ids]:
    """`say` is told which of `asked` it answers. Sources of like length go together, `places` of
    them at once over `width` hypotheses."""
    device = net.table.device
    bank = Bank(texts, Ragged.of([]), device)
    ends = texts.lengths[asked[:, 0]]
    order = np.argsort(ends, kind="stable")
    found: list[Ids] = [[]] * len(asked)
    at = 0
    net.eval()
    with torch.inference_mode(), narrow(device), sdpa_kernel(ATTENTION):
        while at < len(order):
            part = order[at : at + _fitting(ends[order[at:]] + 2, places, width)]
            rows, tags = torch.from_numpy(asked[part].T.copy()).to(device)
            length = torch.from_numpy(ends[part]).to(device)
            size = -(-int(ends[part[-1]] + 2) // BLOCK) * BLOCK
            source = bank.source(rows, length, tags, size)
            for which, ids in zip(part, say(source, length + 2, part), strict=True):
                found[which] = ids
            at += len(part)
    return found


def _fitting(lengths: Array, places: int, width: int) -> int:
    """How many rows, shortest first, go together, all as long as the last of them."""
    lengths = lengths[: MOST_ROWS // width]
    rows = np.arange(len(lengths)) + 1
    return max(1, int((rows * lengths * width <= places).sum()))
