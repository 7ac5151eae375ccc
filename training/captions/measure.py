"""Word error rates with confidence intervals, and the log-probs that they are made from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from rapidfuzz.distance import Levenshtein

from .audio import Samples
from .features import LogMel
from .model import Logits, Recogniser
from .train import whole_logits

Scores = npt.NDArray[np.float32]


@dataclass(frozen=True)
class WordErrors:
    """Errors and words of each utterance; rates are percentages."""

    wrong: tuple[int, ...]
    words: tuple[int, ...]

    @property
    def rate(self) -> float:
        return 100 * sum(self.wrong) / max(sum(self.words), 1)

    def interval(self, draws: int = 2000, seed: int = 0) -> tuple[float, float]:
        """95 % bootstrap interval over utterances (Bisani and Ney 2004)."""
        chance = np.random.default_rng(seed)
        wrong, words = np.array(self.wrong), np.array(self.words)
        picks = chance.integers(0, len(wrong), (draws, len(wrong)))
        rates = 100 * wrong[picks].sum(1) / np.maximum(words[picks].sum(1), 1)
        low, high = np.percentile(rates, [2.5, 97.5])
        return float(low), float(high)

    def __str__(self) -> str:
        low, high = self.interval()
        return f"{self.rate:.2f} % ({low:.1f}-{high:.1f})"


def word_errors(references: Sequence[str], found: Sequence[str]) -> WordErrors:
    pairs = [(r.split(), f.split()) for r, f in zip(references, found, strict=True)]
    wrong = tuple(Levenshtein.distance(r, f) for r, f in pairs)
    return WordErrors(wrong, tuple(len(r) for r, _ in pairs))


def log_probs(
    net: Recogniser, waves: Sequence[Samples], chunk: int, left: int, rows: int = 8
) -> list[tuple[Scores, Scores]]:
    """Phone and character log-probs of each recording, heard in chunks of `chunk` frames."""
    mels = LogMel()
    found: list[tuple[Scores, Scores]] = [(np.empty(0, np.float32),) * 2] * len(waves)
    order = sorted(range(len(waves)), key=lambda i: len(waves[i]))
    with torch.inference_mode():
        for at in range(0, len(order), rows):
            part = order[at : at + rows]
            for i, logits in zip(
                part, whole_logits(net, mels, [waves[i] for i in part], chunk, left), strict=True
            ):
                found[i] = _arrays(logits)
    return found


def _arrays(logits: Logits) -> tuple[Scores, Scores]:
    heads = (logits.phones, logits.characters)
    phones, characters = (h.log_softmax(-1).numpy() for h in heads)
    return phones, characters


def save_scores(path: Path, scores: Sequence[Scores]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **{str(i): s.astype(np.float16) for i, s in enumerate(scores)})  # type: ignore[arg-type]


def load_scores(path: Path) -> list[Scores]:
    with np.load(path) as archive:
        return [archive[str(i)].astype(np.float32) for i in range(len(archive.files))]
