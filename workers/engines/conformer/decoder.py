"""The decoder behind the recogniser: every segment is heard twice.

The draft hears chunks as short as the load allows, for partials. The second hearing takes longer
blocks, in which each sound is heard with more of what follows it; finals are its words, so that
they depend on the audio alone. Under load (rung `draft`) there is no second hearing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from stream.core.messages import Rung, Word
from stream.core.records import SAMPLE_RATE
from workers.engines.conformer.encoder import Encoder, EncoderState
from workers.engines.conformer.features import (
    FRAME_MELS,
    FRAME_SAMPLES,
    MELS,
    Floats,
    LogMel,
    Samples,
)
from workers.engines.conformer.hotwords import HotwordMaker
from workers.engines.conformer.words import Beam, Path, Spoken, Vocabulary
from workers.ports import Audio

FRAMES_PER_SECOND = SAMPLE_RATE // FRAME_SAMPLES
BLOCK_FRAMES = 32
"""Of the second hearing: 1.28 s."""


@dataclass(slots=True)
class Hearing:
    """One way through a segment: mels that wait, what the encoder remembers, and the search."""

    beam: Beam
    state: EncoderState
    waiting: Floats = field(default_factory=lambda: np.empty((0, MELS), np.float32))
    scores: list[Floats] = field(default_factory=list)

    @property
    def frames(self) -> int:
        """Frames that wait."""
        return len(self.waiting) // FRAME_MELS

    def take(self, frames: int) -> Floats:
        chunk, self.waiting = np.split(self.waiting, [frames * FRAME_MELS])
        return chunk


@dataclass(slots=True)
class Utterance:
    """A segment in the decoder's hands; `rest` are samples that don't fill a frame yet.

    `rested`: all of it has been heard, and it may have ended.
    """

    start: int
    draft: Hearing
    second: Hearing
    tail: Samples = field(default_factory=lambda: LogMel.START)
    rest: Samples = field(default_factory=lambda: np.empty(0, np.int16))
    rested: bool = False
    chunk: int = 4
    rung: Rung = Rung.DRAFT
    hotwords: tuple[str, ...] = ()


class ConformerDecoder:
    """Makes words of any number of segments at once."""

    def __init__(self, encoder: Encoder, vocabulary: Vocabulary, hotwords: HotwordMaker) -> None:
        self._encoder = encoder
        self._vocabulary = vocabulary
        self._hotwords = hotwords
        self._mels = LogMel()

    def begin(self, start: int) -> Utterance:
        draft, second = (Hearing(self._vocabulary.beam(), self._encoder.begin()) for _ in range(2))
        return Utterance(start, draft, second)

    def heed(self, state: Utterance, audio: Audio, rung: Rung) -> None:
        state.chunk = max(1, audio.chunk_ms * FRAMES_PER_SECOND // 1000)
        state.hotwords = audio.hotwords
        state.rung = rung

    def step(self, states: Sequence[Utterance], audio: Sequence[Samples]) -> None:
        for state, samples in zip(states, audio, strict=True):
            state.rested = state.rested and not len(samples)
            self._listen(state, np.concatenate((state.rest, samples)))
        self._hear((state.draft, state.chunk, state.chunk) for state in states)
        verified = (state.second for state in states if state.rung is not Rung.DRAFT)
        self._hear((second, BLOCK_FRAMES, BLOCK_FRAMES) for second in verified)

    def rest(self, states: Sequence[Utterance]) -> None:
        self._finish(states)
        for state in states:
            state.rested = True

    def read(self, state: Utterance) -> Sequence[Word]:
        return words_of(state, state.draft.beam.best(), state.draft)

    def end(self, state: Utterance) -> Sequence[Word]:
        if not state.rested:
            missing = -len(state.rest) % FRAME_SAMPLES
            self._listen(state, np.pad(state.rest, (0, missing)))
        self._finish([state])
        heard = state.draft if state.rung is Rung.DRAFT else state.second
        path = heard.beam.close()
        if state.hotwords:
            path = self._hotwords.make(state.hotwords).put(path, scores_of(heard))
        return words_of(state, path, heard)

    def drop(self, state: Utterance) -> None:
        pass

    def _listen(self, state: Utterance, samples: Samples) -> None:
        """Mels of the whole frames; what is left over waits."""
        whole = len(samples) // FRAME_SAMPLES * FRAME_SAMPLES
        mels, state.tail = self._mels.step(state.tail, samples[:whole])
        state.rest = samples[whole:]
        for hearing in (state.draft, state.second):
            hearing.waiting = np.concatenate((hearing.waiting, mels))

    def _finish(self, states: Sequence[Utterance]) -> None:
        """All that waits, the last chunk shorter."""
        self._hear((state.draft, state.chunk, 1) for state in states)
        verified = (state.second for state in states if state.rung is not Rung.DRAFT)
        self._hear((second, BLOCK_FRAMES, 1) for second in verified)

    def _hear(self, hearings: Iterable[tuple[Hearing, int, int]]) -> None:
        """Chunks of so many frames, and of no fewer than so few, until none is left."""
        ready = [each for each in hearings if each[0].frames >= each[2]]
        while ready:
            chunks = [hearing.take(min(most, hearing.frames)) for hearing, most, _ in ready]
            scores = self._encoder.step([hearing.state for hearing, _, _ in ready], chunks)
            for (hearing, _, _), found in zip(ready, scores, strict=True):
                hearing.beam.step(found.phones)
                hearing.scores.append(found.phones)
            ready = [each for each in ready if each[0].frames >= each[2]]


def scores_of(hearing: Hearing) -> Floats:
    """Phone log-probs of all frames so far [n, classes]."""
    return np.concatenate(hearing.scores) if hearing.scores else np.empty((0, 1), np.float32)


def words_of(state: Utterance, path: Path, hearing: Hearing) -> list[Word]:
    """Words with their times in the epoch; lower case, but hotwords as their channel has them."""
    scores = scores_of(hearing)
    offset = state.start / SAMPLE_RATE
    return [
        Word(
            word=spoken.text if spoken.hot else spoken.text.lower(),
            start=round(offset + spoken.start / FRAMES_PER_SECOND, 3),
            end=round(offset + spoken.end / FRAMES_PER_SECOND, 3),
            confidence=confidence_of(spoken, path, scores),
        )
        for spoken in path.words
    ]


def confidence_of(spoken: Spoken, path: Path, scores: Floats) -> float:
    """How sure the recogniser is of the word's phones: their mean log-prob, as a probability."""
    frames = np.arange(spoken.start, min(spoken.end, len(path.tokens)))
    if not len(frames):
        return 0.0
    tokens = np.array(path.tokens[spoken.start : spoken.start + len(frames)])
    sure = float(np.exp(scores[frames, tokens].mean()))
    return round(min(1.0, sure), 3)
