"""What the draft learns: texts as they were packed, with the teachers' scores in their labels."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from .batches import Encoded
from .chain import read_taught, softened
from .corpus import Example
from .scoring import encode_all

LONGEST = 8
"""Pieces, which the draft doesn't read."""
SOFT = 0.8
"""The teachers' share of a label that is known."""


def lessons(work: Path, texts: Mapping[str, Sequence[Example]]) -> list[Encoded]:
    """Texts by the name under which they were packed, with the teachers' scores where there are
    any; without them what nobody annotated teaches nothing.
    """
    taught, found = read_taught(work), []
    for name, examples in texts.items():
        encoded = encode_all(examples, work / "vocab.txt", LONGEST)
        if name in taught:
            labels = softened(torch.from_numpy(encoded.labels), taught[name], SOFT)
            encoded = encoded._replace(labels=labels.numpy())
        found.append(encoded)
    return found
