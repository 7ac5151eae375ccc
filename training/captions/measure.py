"""Word error rates with confidence intervals, and the log-probs that they are made from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from rapidfuzz.distance import Levenshtein

from workers.engines.conformer.encoder import Encoder
from workers.engines.conformer.features import LogMel as ServedMel

from .audio import Samples, read_audio
from .corpus import Utterance
from .decode import Search, WordDecoder
from .features import HOP, LogMel
from .greedy import collapse, whole_logits
from .model import FRAME_MELS, Logits, Recogniser
from .phones import CHARACTER_TOKENS

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


def stream_log_probs(encoder: Encoder, wave: Samples, chunk: int) -> tuple[Scores, Scores]:
    """The same through the exported step graph, chunk by chunk, as it is served."""
    padded = np.pad(wave, (0, -len(wave) % (HOP * FRAME_MELS)))
    mels, _ = ServedMel().step(ServedMel.START, padded)
    state, parts = encoder.begin(), []
    for start in range(0, len(mels), FRAME_MELS * chunk):
        parts += encoder.step([state], [mels[start : start + FRAME_MELS * chunk]])
    if not parts:
        return np.empty((0, 41), np.float32), np.empty((0, 29), np.float32)
    phones, characters = (np.concatenate(head) for head in zip(*parts, strict=True))
    return phones, characters


def _arrays(logits: Logits) -> tuple[Scores, Scores]:
    heads = (logits.phones, logits.characters)
    phones, characters = (h.log_softmax(-1).numpy() for h in heads)
    return phones, characters


def priors_of(scores: Sequence[Scores]) -> npt.NDArray[np.float64]:
    """The mean probability of each class over all frames."""
    mean: npt.NDArray[np.float64] = np.exp(np.concatenate(scores).astype(np.float64)).mean(0)
    return mean + 1e-9


def pick_set(utterances: Sequence[Utterance], name: str) -> list[Utterance]:
    """The held-out fold, or a test folder."""
    if name == "held":
        return [u for u in utterances if u.fold == "held"]
    return [u for u in utterances if u.fold == "test" and u.audio.startswith(f"{name}/")]


def measure_set(
    encoder: Encoder,
    decoder: WordDecoder,
    utterances: Sequence[Utterance],
    speech: Path,
    chunk: int,
) -> str:
    """Word errors with the language model, and of the characters alone, as text."""
    with_model, alone = [], []
    for utterance in utterances:
        phones, characters = stream_log_probs(encoder, read_audio(speech / utterance.audio), chunk)
        best = decoder.decode(phones, Search())
        with_model.append(best[0][0] if best else "")
        letters = (CHARACTER_TOKENS[i] for i in collapse(characters.argmax(-1)))
        alone.append(" ".join("".join(letters).split()))
    references = [u.words for u in utterances]
    told = word_errors(references, with_model), word_errors(references, alone)
    return f"with the language model {told[0]}, characters alone {told[1]}"


def save_scores(path: Path, scores: Sequence[Scores]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **{str(i): s.astype(np.float16) for i, s in enumerate(scores)})  # type: ignore[arg-type]


def load_scores(path: Path) -> list[Scores]:
    with np.load(path) as archive:
        return [archive[str(i)].astype(np.float32) for i in range(len(archive.files))]
