"""Where each word of a recording begins and ends: CTC's best path through its known phones.

Borders between words are moved to the quietest place near them, where speech can be cut.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from .audio import Samples
from .corpus import Utterance
from .features import HOP, LogMel
from .greedy import whole_logits
from .model import FRAME_MELS, Recogniser
from .phones import BOUNDARY, PHONE_TOKENS

_BORDER = PHONE_TOKENS.index(BOUNDARY)
_NEVER = -1e30
_WHOLE = 100_000
#: Mel frames by which the network names a phone late: there words' borders are quietest, and
#: recordings cut there are recognised best.
DELAY = 20
#: Mel frames that a cut may lie outside of the gap between two words' phones.
SLACK = 2


@dataclass(frozen=True)
class Alignment:
    """Of each border between words, `gaps` has the last frame of the phone before it and the first
    of the phone after it. `cuts` are sample positions: before each word and after the last;
    `loudness_db` is how loud it is there against the recording's speech (0 for the ends), `fit`
    the path's mean log-prob a frame, `voice` whose recording it is."""

    audio: str
    voice: str
    gaps: list[tuple[int, int]]
    cuts: list[int]
    loudness_db: list[float]
    fit: float


def write_alignments(path: Path, alignments: Iterable[Alignment]) -> None:
    lines = (json.dumps(asdict(a), separators=(",", ":")) + "\n" for a in alignments)
    path.write_text("".join(lines), encoding="utf-8")


def load_alignments(path: Path) -> list[Alignment]:
    return [Alignment(**json.loads(line)) for line in path.read_text("utf-8").splitlines()]


def read_voices(data: Path) -> dict[str, str]:
    """Whose each recording is, as far as the manifests say: folder and speaker."""
    voices = {}
    for manifest in sorted((data / "speech").glob("*/manifest.jsonl")):
        folder = manifest.parent.name
        for line in manifest.open(encoding="utf-8"):
            entry = json.loads(line)
            voices[f"{folder}/{entry['audio']}"] = f"{folder}/{entry['speaker']}"
    return voices


def align_batch(
    net: Recogniser,
    mels: LogMel,
    utterances: Sequence[Utterance],
    waves: Sequence[Samples],
    voices: dict[str, str],
) -> list[Alignment]:
    """Alignments of some recordings of like length, heard whole."""
    with torch.inference_mode():
        logits = whole_logits(net, mels, waves, _WHOLE, _WHOLE)
        scores = [one.phones.log_softmax(-1) for one in logits]
        labels = [list(u.phones or ()) for u in utterances]
        paths, fits = best_paths(scores, labels)
    found = []
    for utterance, wave, path, fit, spoken in zip(
        utterances, waves, paths, fits, labels, strict=True
    ):
        gaps = word_gaps(path, spoken)
        cuts, loudness = cut_places(gaps, wave)
        voice = voices.get(utterance.audio, utterance.audio.split("/")[0])
        found.append(Alignment(utterance.audio, voice, gaps, cuts, loudness, round(fit, 3)))
    return found


def best_paths(
    scores: Sequence[Tensor], labels: Sequence[Sequence[int]]
) -> tuple[list[npt.NDArray[np.int64]], list[float]]:
    """The states of CTC's best path, frame by frame, and its mean log-prob a frame.

    State 2k + 1 is label k, the even ones are blanks. `scores` are log-probs [frames, classes].
    """
    device = scores[0].device
    frames = torch.tensor([len(s) for s in scores], device=device)
    padded = torch.nn.utils.rnn.pad_sequence(list(scores), batch_first=True)
    states = max(2 * len(spoken) + 1 for spoken in labels)
    classes = torch.zeros(len(labels), states, dtype=torch.long)
    for row, spoken in enumerate(labels):
        classes[row, 1 : 2 * len(spoken) : 2] = torch.tensor(spoken)
    classes = classes.to(device)
    skips = torch.zeros_like(classes, dtype=torch.bool)
    skips[:, 2:] = (classes[:, 2:] != 0) & (classes[:, 2:] != classes[:, :-2])
    emitted = padded.gather(2, classes[:, None].expand(-1, padded.shape[1], -1))
    total = torch.full_like(emitted[:, 0], _NEVER)
    total[:, :2] = emitted[:, 0, :2]
    steps = [torch.zeros_like(classes, dtype=torch.int8)]
    for t in range(1, padded.shape[1]):
        one = torch.nn.functional.pad(total, (1, 0), value=_NEVER)[:, :-1]
        two = torch.nn.functional.pad(total, (2, 0), value=_NEVER)[:, :-2]
        best, step = torch.stack([total, one, two.masked_fill(~skips, _NEVER)]).max(0)
        alive = (t < frames)[:, None]
        total = torch.where(alive, best + emitted[:, t], total)
        steps.append(torch.where(alive, step, 0).to(torch.int8))
    return _traced(total.cpu().numpy(), torch.stack(steps, 1).cpu().numpy(), frames, labels)


def _traced(
    total: npt.NDArray[np.float32],
    steps: npt.NDArray[np.int8],
    frames: Tensor,
    labels: Sequence[Sequence[int]],
) -> tuple[list[npt.NDArray[np.int64]], list[float]]:
    paths, fits = [], []
    for row, (count, spoken) in enumerate(zip(frames.tolist(), labels, strict=True)):
        last = 2 * len(spoken)
        state = last if total[row, last] >= total[row, last - 1] else last - 1
        fits.append(float(total[row, state]) / count)
        path = np.empty(count, np.int64)
        for t in range(count - 1, -1, -1):
            path[t] = state
            state -= int(steps[row, t, state])
        paths.append(path)
    return paths, fits


def word_gaps(path: npt.NDArray[np.int64], labels: Sequence[int]) -> list[tuple[int, int]]:
    """Of each border, the last frame of the phone before it and the first of the one after."""
    borders = [k for k, label in enumerate(labels) if label == _BORDER]
    before = [int(np.flatnonzero(path == 2 * k - 1)[-1]) for k in borders]
    after = [int(np.flatnonzero(path == 2 * k + 3)[0]) for k in borders]
    return list(zip(before, after, strict=True))


def cut_places(gaps: Sequence[tuple[int, int]], wave: Samples) -> tuple[list[int], list[float]]:
    """Cuts before each word and after the last, and how loud it is there."""
    levels = _levels_db(wave)
    speech = float(np.percentile(levels, 80))
    cuts, loudness = [0], [0.0]
    for before, after in gaps:
        first = (before + 1) * FRAME_MELS - DELAY - SLACK
        last = after * FRAME_MELS - DELAY + SLACK
        first = min(max(first, cuts[-1] // HOP + 1), len(levels) - 1)
        stretch = levels[first : max(last, first + 1)]
        quietest = first + int(stretch.argmin())
        cuts.append(quietest * HOP + HOP // 2)
        loudness.append(round(float(levels[quietest]) - speech, 1))
    return [*cuts, len(wave)], [*loudness, 0.0]


def _levels_db(wave: Samples) -> npt.NDArray[np.float64]:
    """Of each 10 ms with half of both neighbours: its power in dB."""
    power = np.square(wave[: len(wave) // HOP * HOP].astype(np.float64)).reshape(-1, HOP).mean(1)
    padded = np.pad(power, 1, mode="edge")
    return np.asarray(10 * np.log10((padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4 + 1.0))
