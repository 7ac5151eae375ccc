"""New recordings out of pieces of known ones: variety that no filter can give.

Words are heard in other company, so the network cannot learn whole recordings by heart (after Lam
et al. 2021, aligned data augmentation). Every piece comes once: phrases of one to five words, of
one voice where it has said enough, joined where speech was quiet, at one loudness.
"""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from .align import Alignment
from .audio import RATE_HZ, Samples
from .phones import BOUNDARY, PHONE_TOKENS

MOST_WORDS = 5
#: Both pieces sound over twice so many samples: 15 ms.
CROSSED = 120
LEAST_FIT = -0.6
#: A voice heard in fewer recordings is joined with the others of its folder.
LEAST_RECORDINGS = 10
MOST_GAIN = 4.0
LONGEST_S = 16.0
_BORDER = PHONE_TOKENS.index(BOUNDARY)
_FADE = np.sin(np.linspace(0, np.pi / 2, 2 * CROSSED + 2)[1:-1]).astype(np.float32)


@dataclass(frozen=True)
class Source:
    """A recording that may be cut: its samples, its phones and words, and where they are."""

    wave: Samples
    phones: Sequence[int]
    words: str
    alignment: Alignment


@dataclass(frozen=True)
class Piece:
    """Words `first` to `last` (exclusive) of recording `source`."""

    source: int
    first: int
    last: int


@dataclass(frozen=True)
class Spliced:
    """A new recording and what is said in it."""

    wave: Samples
    phones: list[int]
    words: str


def splice(sources: Sequence[Source], seed: int) -> list[Spliced]:
    """As many hours as `sources` have, all pieces of them in other places."""
    chance = random.Random(seed)
    usable = [i for i, s in enumerate(sources) if _usable(s)]
    loudness = {i: _loudness(sources[i].wave) for i in usable}
    lengths_s = [len(sources[i].wave) / RATE_HZ for i in usable]
    made = []
    for group in _groups(sources, usable):
        pieces = [p for i in group for p in cut(sources[i].alignment, i, chance)]
        chance.shuffle(pieces)
        shared = _shared_out(pieces, sources, lengths_s, chance)
        made += [join(chosen, sources, loudness) for chosen in shared]
    return made


def cut(alignment: Alignment, source: int, chance: random.Random) -> Iterator[Piece]:
    """The recording in phrases; quiet borders are taken more often."""
    words = len(alignment.cuts) - 1
    first = 0
    while first < words:
        ends = range(first + 1, min(first + MOST_WORDS, words) + 1)
        weights = [1.0 if e == words else _willing(alignment.loudness_db[e]) for e in ends]
        (last,) = chance.choices(ends, weights)
        yield Piece(source, first, last)
        first = last


def join(pieces: Sequence[Piece], sources: Sequence[Source], loudness: dict[int, float]) -> Spliced:
    """One recording, as loud as its first piece's was."""
    total = np.zeros(0, np.float32)
    phones: list[int] = []
    words: list[str] = []
    for piece in pieces:
        source = sources[piece.source]
        gain = loudness[pieces[0].source] / loudness[piece.source]
        total = _crossed(total, _sound(source, piece) * min(max(gain, 1 / MOST_GAIN), MOST_GAIN))
        spoken = _phones_by_word(source.phones)[piece.first : piece.last]
        for word in spoken:
            phones += [_BORDER, *word] if phones else word
        words += source.words.split()[piece.first : piece.last]
    wave = np.clip(np.rint(total), -32768, 32767).astype(np.int16)
    return Spliced(wave, phones, " ".join(words))


def _usable(source: Source) -> bool:
    """The path fits, and the alignment is of these words."""
    cuts = source.alignment.cuts
    return (
        source.alignment.fit >= LEAST_FIT
        and len(cuts) - 1 == len(source.words.split())
        and all(later - sooner > 4 * CROSSED for sooner, later in pairwise(cuts))
    )


def _willing(loudness_db: float) -> float:
    """How gladly a border is cut: surely in silence, seldom in the middle of voiced speech."""
    return float(0.03 + 1 / (1 + np.exp((loudness_db + 12) / 3)))


def _groups(sources: Sequence[Source], usable: Sequence[int]) -> list[list[int]]:
    voices: dict[str, list[int]] = defaultdict(list)
    for i in usable:
        voices[sources[i].alignment.voice].append(i)
    groups: dict[str, list[int]] = defaultdict(list)
    for voice, members in voices.items():
        few = len(members) < LEAST_RECORDINGS
        groups[voice.split("/")[0] if few else voice] += members
    return list(groups.values())


def _shared_out(
    pieces: Sequence[Piece],
    sources: Sequence[Source],
    lengths_s: Sequence[float],
    chance: random.Random,
) -> Iterator[list[Piece]]:
    """Pieces to recordings about as long as recordings are."""
    chosen: list[Piece] = []
    samples, wanted = 0, 0.0
    for piece in pieces:
        long = _samples(piece, sources)
        if chosen and samples + long > min(wanted, LONGEST_S) * RATE_HZ:
            yield chosen
            chosen, samples = [], 0
        if not chosen:
            wanted = chance.choice(lengths_s)
        chosen.append(piece)
        samples += long
    if chosen:
        yield chosen


def _samples(piece: Piece, sources: Sequence[Source]) -> int:
    cuts = sources[piece.source].alignment.cuts
    return cuts[piece.last] - cuts[piece.first]


def _sound(source: Source, piece: Piece) -> npt.NDArray[np.float32]:
    """The piece and CROSSED samples on both sides, zeros beyond the recording."""
    start = source.alignment.cuts[piece.first] - CROSSED
    end = source.alignment.cuts[piece.last] + CROSSED
    inside = source.wave[max(start, 0) : min(end, len(source.wave))].astype(np.float32)
    return np.pad(inside, (max(-start, 0), max(end - len(source.wave), 0)))


def _crossed(
    total: npt.NDArray[np.float32], sound: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """`sound` after `total`, over 2 * CROSSED samples both, their powers adding up to one."""
    if not len(total):
        return sound
    size = 2 * CROSSED
    both = total[-size:] * _FADE[::-1] + sound[:size] * _FADE
    return np.concatenate([total[:-size], both, sound[size:]])


def _loudness(wave: Samples) -> float:
    """Amplitude of the louder half of 20 ms frames, root mean square."""
    frames = wave[: len(wave) // 320 * 320].astype(np.float32).reshape(-1, 320)
    power = np.sort(np.square(frames).mean(1))[len(frames) // 2 :]
    return float(np.sqrt(power.mean())) + 1.0


def _phones_by_word(phones: Sequence[int]) -> list[list[int]]:
    words: list[list[int]] = [[]]
    for phone in phones:
        if phone == _BORDER:
            words.append([])
        else:
            words[-1].append(phone)
    return words
