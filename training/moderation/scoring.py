"""What the parts of the cascade say of annotated texts."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from workers.engines.cascade_draft import rows_of
from workers.engines.cascade_drafter import make_reader

from .batches import Encoded, encode, padded
from .corpus import Example
from .draft import Linear, joined
from .model import Encoder
from .vocabulary import load_vocabulary

Array = npt.NDArray[np.float32]


class Logits(NamedTuple):
    """Of the same texts, [texts, labels] each; nan in `labels` for what is unknown."""

    encoder: Array
    draft: Array
    labels: Array


def encode_all(examples: Sequence[Example], vocabulary: Path, longest: int) -> Encoded:
    pieces, _ = load_vocabulary(vocabulary)
    return encode(examples, make_reader(pieces), pieces, longest)


@torch.inference_mode()
def logits_of(encoded: Encoded, encoder: Encoder, draft: Linear, batch: int = 32) -> Logits:
    device = next(encoder.parameters()).device
    order = np.argsort([len(p) for p in encoded.pieces], kind="stable")
    found = np.empty_like(encoded.labels)
    drafted = np.empty_like(encoded.labels)
    for begin in range(0, len(order), batch):
        part = order[begin : begin + batch]
        rows = torch.from_numpy(padded([encoded.pieces[i] for i in part])).to(device)
        found[part] = encoder(rows).float().cpu().numpy()
        drafted[part] = draft(*joined([rows_of(encoded.readings[i]) for i in part])).numpy()
    return Logits(found, drafted, encoded.labels)


def concatenated(parts: Sequence[Logits]) -> Logits:
    return Logits(*(np.concatenate(column) for column in zip(*parts, strict=True)))
