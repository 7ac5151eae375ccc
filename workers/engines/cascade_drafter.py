"""The cascade's cheap half: a text is read, cut into windows, and each window drafted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from workers.core.normalise import Normaliser
from workers.core.reading import Reader
from workers.engines.cascade_draft import Draft, Floats, read_draft
from workers.engines.cascade_pieces import Pieces, read_pieces
from workers.engines.cascade_windows import Window, cut
from workers.engines.rules import read_confusables, read_list

MODEL = Path(__file__).parents[1] / "models" / "moderation"
MOST_PIECES = 62
"""Of a window, without begin and end."""
MOST_WINDOWS = 4
"""Windows of a text that the encoder reads."""


class Drafted(NamedTuple):
    """A text's windows and each one's draft scores [windows, labels]."""

    windows: Sequence[Window]
    scores: Floats


class Drafter:
    """Needs no encoder, so that other cores than the encoder's can do it (bench/posts.py)."""

    def __init__(self, reader: Reader, pieces: Pieces, draft: Draft) -> None:
        self._reader, self._pieces, self._draft = reader, pieces, draft

    def draft(self, text: str) -> Drafted:
        windows = cut(self._reader.read(text), self._pieces, MOST_PIECES)
        return Drafted(windows, self._draft.score([w.text for w in windows]))


def make_drafter(folder: Path) -> Drafter:
    """From a folder with `draft.npz` and `vocab.txt`. Raises FileNotFoundError."""
    draft, pieces = read_draft(folder / "draft.npz"), read_pieces(folder / "vocab.txt")
    return Drafter(make_reader(pieces), pieces, draft)


def make_reader(pieces: Pieces) -> Reader:
    """Known words are the listed ones, which are what people hide, and the vocabulary's by use."""
    words = [*read_list("en"), *pieces.words()]
    known = {word: place for place, word in reversed([*enumerate(words)])}
    return Reader(Normaliser(read_confusables()), known)


def worst_windows(drafted: Drafted) -> list[int]:
    """The first window and those with the highest draft score, in order."""
    if len(drafted.windows) <= MOST_WINDOWS:
        return list(range(len(drafted.windows)))
    ranked = 1 + np.argsort(-drafted.scores[1:].max(1), kind="stable")
    return sorted([0, *map(int, ranked[: MOST_WINDOWS - 1])])
