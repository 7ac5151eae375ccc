"""What the network hears without a language model."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from .audio import Samples
from .features import HOP, LogMel
from .model import FRAME_MELS, Logits, Recogniser, chunk_bias


def best_phones(
    net: Recogniser, mels: LogMel, waves: Sequence[Samples], chunk: int, left: int
) -> list[list[int]]:
    """Greedy phones of some recordings, heard in chunks of `chunk` frames."""
    found = whole_logits(net, mels, waves, chunk, left)
    return [collapse(logits.phones.argmax(-1).cpu().numpy()) for logits in found]


def whole_logits(
    net: Recogniser, mels: LogMel, waves: Sequence[Samples], chunk: int, left: int
) -> list[Logits]:
    """Logits [frames, classes] of each recording; the mask stands for streaming in chunks."""
    device = net.mean.device
    unit = HOP * FRAME_MELS
    longest = -(-max(len(w) for w in waves) // (8 * unit)) * 8
    batch = torch.zeros(len(waves), longest * unit, device=device)
    for row, wave in enumerate(waves):
        batch[row, : len(wave)] = torch.from_numpy(wave).to(device).float() / 32768
    frames = [-(-(len(w) // HOP) // FRAME_MELS) for w in waves]
    lengths = torch.tensor(frames, device=device)
    bias = chunk_bias(
        lengths, longest, torch.full_like(lengths, chunk), torch.full_like(lengths, left)
    )
    half = device.type == "cuda" or torch.is_autocast_enabled(device.type)
    with torch.autocast(device.type, torch.bfloat16, enabled=half):
        kind = torch.bfloat16 if half else torch.float32
        logits = net(net.normalise(mels(batch)), bias.to(kind))
    return [Logits(*(x[row, :n] for x in logits)) for row, n in enumerate(frames)]


def collapse(classes: npt.NDArray[np.int64]) -> list[int]:
    """CTC: repeats merged, blanks dropped."""
    if not len(classes):
        return []
    fresh = np.concatenate([[True], classes[1:] != classes[:-1]])
    return [int(c) for c in classes[fresh] if c != 0]


def edit_distance(reference: Sequence[int], found: Sequence[int]) -> int:
    """Levenshtein distance, a row of the table at a time."""
    hypothesis = np.asarray(found, dtype=np.int64)
    place = np.arange(len(hypothesis) + 1)
    row = place.copy()
    for i, label in enumerate(reference, 1):
        change = np.minimum(row[:-1] + (hypothesis != label), row[1:] + 1)
        best = np.concatenate([[i], change])
        row = np.minimum.accumulate(best - place) + place
    return int(row[-1])
