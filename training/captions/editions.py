"""Spliced recordings by the hour, made by all cores before training and turned over during it."""

import json
import multiprocessing
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .align import Alignment
from .audio import Samples
from .augment import WaveBank
from .corpus import Utterance
from .losses import Targets
from .phones import CHARACTER_TOKENS
from .splice import Source, Spliced, splice

_CHARACTER_IDS = {c: i for i, c in enumerate(CHARACTER_TOKENS)}
#: What a forked process was given to splice.
_given: list[Source] = []


@dataclass(frozen=True)
class Edition:
    """Recordings one after another: samples, and for each its length, phones and words."""

    samples: Samples
    lengths: list[int]
    phones: list[list[int]]
    words: list[str]


def bind(recordings: Sequence[Spliced]) -> Edition:
    """An edition of these recordings."""
    waves = [r.wave for r in recordings]
    return Edition(
        np.concatenate(waves),
        [len(w) for w in waves],
        [r.phones for r in recordings],
        [r.words for r in recordings],
    )


def make_sources(
    utterances: Sequence[Utterance], waves: Sequence[Samples], alignments: Sequence[Alignment]
) -> list[Source]:
    """The training recordings that have an alignment."""
    known = {a.audio: a for a in alignments}
    return [
        Source(wave, u.phones, u.words, known[u.audio])
        for u, wave in zip(utterances, waves, strict=True)
        if u.fold == "train" and u.phones and u.audio in known
    ]


def make_editions(
    sources: Sequence[Source], count: int, seed: int, folder: Path, processes: int
) -> list[Path]:
    """`count` editions in `folder`; the same for the same sources and seed."""
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [(seed + number, folder / f"edition-{number}") for number in range(count)]
    # forked: the sources are gigabytes that must not be copied
    fork = multiprocessing.get_context("fork")
    with fork.Pool(max(1, min(processes, count)), _take, (sources,)) as pool:
        made = pool.starmap(_make, jobs, chunksize=1)
        # they end by themselves: forked, they may have a handler that swallows SIGTERM
        pool.close()
        pool.join()
    return made


def load_edition(path: Path) -> Edition:
    about = json.loads(path.with_suffix(".json").read_text())
    return Edition(samples=np.load(path.with_suffix(".npy")), **about)


def _take(sources: Sequence[Source]) -> None:
    _given[:] = sources


def _make(seed: int, path: Path) -> Path:
    edition = bind(splice(_given, seed))
    np.save(path.with_suffix(".npy"), edition.samples)
    about = {"lengths": edition.lengths, "phones": edition.phones, "words": edition.words}
    path.with_suffix(".json").write_text(json.dumps(about))
    return path


class Stock:
    """All that can be drawn now: the recordings themselves, then those of one edition.

    Everything is on the device, so that turning to the next edition costs one copy there.
    """

    def __init__(self, own: Edition, editions: Sequence[Path], device: torch.device) -> None:
        self._own, self._device = own, device
        self._waves: list[Tensor] = []
        self._lengths: list[list[int]] = []
        self._labels: list[tuple[Targets, Targets]] = []
        for path in editions:
            self._keep(load_edition(path))
        if not editions:
            self._keep(Edition(own.samples[:0], [], [], []))
        room = max(len(w) for w in self._waves)
        self.bank = WaveBank([own.samples, np.zeros(room, np.int16)], device)
        self.turn(0)

    def _keep(self, edition: Edition) -> None:
        self._waves.append(torch.from_numpy(edition.samples).to(self._device))
        self._lengths.append(self._own.lengths + edition.lengths)
        words = self._own.words + edition.words
        spelt = [[_CHARACTER_IDS[c] for c in each] for each in words]
        phones = self._own.phones + edition.phones
        self._labels.append((Targets(phones, self._device), Targets(spelt, self._device)))

    def turn(self, number: int) -> None:
        """To edition `number`, counted round and round. What was drawn before keeps its labels."""
        number %= len(self._waves)
        self.samples = self._lengths[number]
        self.phones, self.characters = self._labels[number]
        self.bank.replace(len(self._own.samples), self._waves[number], self.samples)
