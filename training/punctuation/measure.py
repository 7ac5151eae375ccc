"""How well marks and cases are told: precision, recall, F1, and the share of right cases."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from workers.core.marks import Case, Mark

from .windows import IGNORED, Batch

Scores = Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]


class Quality(NamedTuple):
    """`confusion[true, told]` counts words: of marks [4, 4] and of cases [3, 3]."""

    marks: NDArray[np.int64]
    cases: NDArray[np.int64]

    def __str__(self) -> str:
        words = int(self.marks.sum())
        marks = ", ".join(f"{mark.name.lower()} {_f1(self.marks, mark)}" for mark in list(Mark)[1:])
        right = np.trace(self.cases) / self.cases.sum()
        capital = _f1(self.cases, Case.CAPITAL)
        return f"{words:,} words: {marks}; case right {right:.2%}, capital {capital}"


def measure(tagger: Scores, batches: Iterable[Batch]) -> Quality:
    """Of the likeliest class of each word."""
    marks, cases = np.zeros((4, 4), np.int64), np.zeros((3, 3), np.int64)
    if isinstance(tagger, torch.nn.Module):
        tagger.eval()
    with torch.no_grad():
        for batch in batches:
            told = tagger(torch.from_numpy(batch.ids), torch.from_numpy(batch.habits))
            there = batch.marks != IGNORED
            for counts, true, scores in zip(
                (marks, cases), (batch.marks, batch.cases), told, strict=True
            ):
                np.add.at(counts, (true[there], scores.argmax(-1).numpy()[there]), 1)
    return Quality(marks, cases)


def _f1(confusion: NDArray[np.int64], index: int) -> str:
    right = confusion[index, index]
    precision = right / max(1, confusion[:, index].sum())
    recall = right / max(1, confusion[index].sum())
    f1 = 2 * precision * recall / max(1e-9, precision + recall)
    return f"F1 {f1:.3f} (P {precision:.3f} R {recall:.3f})"
