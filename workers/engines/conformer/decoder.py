"""The decoder behind the recogniser: every segment is heard twice.

The draft hears chunks as short as the load allows, for partials. The second hearing takes all of
the segment once it may have ended; finals are its words, so that they depend on the audio alone.
Where steady partials are wanted and the machine is calm, they are not the draft's words but a
preview's, which come later and stay. Under load (rung `draft`) there is neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace

from stream.core.messages import Rung, Word
from stream.core.records import SAMPLE_RATE
from workers.engines.conformer.encoder import Encoder
from workers.engines.conformer.features import FRAME_SAMPLES, Floats, LogMel, Samples
from workers.engines.conformer.hearing import Hearing
from workers.engines.conformer.hotwords import HotwordMaker
from workers.engines.conformer.preview import Preview
from workers.engines.conformer.rescoring import Rescorer
from workers.engines.conformer.second import SecondHearing
from workers.engines.conformer.words import Beam, Path, Spoken, Vocabulary
from workers.ports import Audio

FRAMES_PER_SECOND = SAMPLE_RATE // FRAME_SAMPLES

DRAFT_BEAM, DRAFT_THRESHOLD = 50, 12.0
"""Of the draft's search, at most: 100 and 25 take three times as long for 0.15 points of word
errors (1,350 words of librispeech-test, 320 ms chunks).
"""

OVERLAP_S = 0.08
"""Where speech goes on, the draft's first word may begin so much too soon."""

HELD_BACK_S = 0.4
"""A preview's words show once so much has followed them."""

SEARCHED_S = 1.6
"""What a preview's search goes through at least; words before that stand until the final."""

SILENCE = np.zeros(3 * FRAME_SAMPLES, np.int16)
"""Heard behind a segment: the network is up to 200 ms behind, and an end is likely sooner."""


class Said(NamedTuple):
    """The best path through phone log-probs [n, classes]."""

    path: Path
    scores: list[Floats]


@dataclass(slots=True)
class Utterance:
    """A segment in the decoder's hands; `rest` are samples that don't fill a frame yet.

    `rested`: it may have ended here, and nothing has come since; `said` is then what was said.
    `past`: words heard again, in a preview or where it last might have ended; the draft goes on
    from `past_s`, seconds of the epoch. `is_quiet`: nobody reads partials; `is_calm`: there is time
    for previews.
    """

    start: int
    draft: Hearing
    second: SecondHearing = field(default_factory=SecondHearing)
    preview: Preview = field(default_factory=Preview)
    tail: Samples = field(default_factory=lambda: LogMel.START)
    rest: Samples = field(default_factory=lambda: np.empty(0, np.int16))
    rested: bool = False
    said: Said | None = None
    past: Sequence[Word] = ()
    past_s: float = 0.0
    chunk: int = 4
    rung: Rung = Rung.DRAFT
    is_quiet: bool = False
    is_calm: bool = False
    hotwords: tuple[str, ...] = ()

    @property
    def heard_s(self) -> float:
        """Where what has been listened to ends, in seconds of the epoch."""
        return self.second_of(self.second.frames)

    def second_of(self, frame: int) -> float:
        return self.start / SAMPLE_RATE + frame / FRAMES_PER_SECOND

    def frame_of(self, second: float) -> int:
        """The segment's frame that begins at this second of the epoch."""
        return round((second - self.start / SAMPLE_RATE) * FRAMES_PER_SECOND)

    def stand(self, words: Sequence[Word]) -> None:
        """These words are shown, and the draft goes on behind them."""
        self.past = words
        self.past_s = words[-1].end - OVERLAP_S if words else 0.0


class ConformerDecoder:
    """Makes words of any number of segments at once."""

    def __init__(
        self,
        encoder: Encoder,
        vocabulary: Vocabulary,
        hotwords: HotwordMaker,
        rescorer: Rescorer | None = None,
    ) -> None:
        self._rescorer = rescorer
        self._encoder = encoder
        self._vocabulary = vocabulary
        self._hotwords = hotwords
        self._mels = LogMel()
        given = vocabulary.search
        self._draft = replace(
            given,
            beam=min(given.beam, DRAFT_BEAM),
            threshold=min(given.threshold, DRAFT_THRESHOLD),
        )

    def begin(self, start: int) -> Utterance:
        beam = self._vocabulary.beam(self._draft)
        return Utterance(start, Hearing(beam, self._encoder.begin()))

    def heed(self, state: Utterance, audio: Audio, rung: Rung) -> None:
        state.chunk = max(1, audio.chunk_ms * FRAMES_PER_SECOND // 1000)
        state.hotwords = audio.hotwords
        state.rung = rung
        state.is_quiet = audio.quiet and rung is not Rung.DRAFT
        was_calm, state.is_calm = state.is_calm, audio.calm and rung is not Rung.DRAFT
        if state.is_calm and not was_calm:
            state.stand(self._drafted(state))

    def step(self, states: Sequence[Utterance], audio: Sequence[Samples]) -> None:
        for state, samples in zip(states, audio, strict=True):
            if len(samples):
                state.rested, state.said = False, None
            self._listen(state, np.concatenate((state.rest, samples)))
        wanted = [state for state in states if not state.is_quiet]
        self._hear([(state.draft, state.chunk, self._least(state)) for state in wanted])
        for state in states:
            if state.rung is not Rung.DRAFT:
                state.second.hear_blocks(self._encoder)

    def rest(self, states: Sequence[Utterance]) -> None:
        self._finish([state for state in states if state.rung is Rung.DRAFT])
        for state in states:
            state.rested = True
            if state.rung is not Rung.DRAFT:
                state.said = self._hear_again(state)
                state.past, state.past_s = words_of(state, state.said), state.heard_s - OVERLAP_S

    def read(self, state: Utterance) -> Sequence[Word]:
        """The draft, behind what has been heard again; while it is calm, only the latter."""
        if state.is_calm and not state.rested and state.preview.is_due:
            self._look(state)
        return state.past if state.said or state.is_calm else self._drafted(state)

    def end(self, state: Utterance) -> Sequence[Word]:
        if not state.rested:
            missing = -len(state.rest) % FRAME_SAMPLES
            self._listen(state, np.pad(state.rest, (0, missing)))
        return words_of(state, state.said or self._say(state))

    def drop(self, state: Utterance) -> None:
        pass

    def _listen(self, state: Utterance, samples: Samples) -> None:
        """Mels of the whole frames; what is left over waits."""
        whole = len(samples) // FRAME_SAMPLES * FRAME_SAMPLES
        mels, state.tail = self._mels.step(state.tail, samples[:whole])
        state.rest = samples[whole:]
        state.draft.waiting = np.concatenate((state.draft.waiting, mels))
        state.second.listen(mels)
        state.preview.listen(mels)

    def _least(self, state: Utterance) -> int:
        """Frames that the draft waits for: a preview puts it off, so that no run has both."""
        return state.chunk * (2 if state.is_calm and state.preview.is_due else 1)

    def _drafted(self, state: Utterance) -> list[Word]:
        draft = words_of(state, Said(state.draft.beam.best(), state.draft.scores))
        return [*state.past, *(word for word in draft if word.start >= state.past_s)]

    def _look(self, state: Utterance) -> None:
        """Hear the latest again, with what followed it; words near the end wait for more."""
        state.preview.hear(self._encoder, state.draft.state)
        known_s = state.second_of(state.preview.begin)
        past_s = state.past[-1].end if state.past else 0.0
        kept_s = max(state.heard_s - SEARCHED_S, known_s)
        kept = [word for word in state.past if word.end <= kept_s]
        fresh = self._searched(state, kept, state.past[len(kept) :])
        upto_s = max(state.heard_s - HELD_BACK_S, past_s)
        state.stand([*kept, *(word for word in fresh if word.end <= upto_s)])

    def _searched(
        self, state: Utterance, kept: Sequence[Word], shown: Sequence[Word]
    ) -> list[Word]:
        """The words that a preview hears behind `kept`, where `shown` stands now."""
        begin, scores = state.preview.since(state.frame_of(kept[-1].end) if kept else 0)
        beam = self._vocabulary.beam()
        beam.step(scores)
        path = self._close(beam, _capitals(kept), _capitals(shown))
        return words_of(state, self._with_hotwords(state, Said(path, [scores])), begin)

    def _say(self, state: Utterance) -> Said:
        if state.rung is not Rung.DRAFT:
            return self._hear_again(state)
        self._finish([state])
        return self._with_hotwords(state, Said(state.draft.beam.close(), state.draft.scores))

    def _hear_again(self, state: Utterance) -> Said:
        after, _ = self._mels.step(state.tail, SILENCE)
        scores = state.second.peek(self._encoder, after)
        beam = self._vocabulary.beam()
        for each in scores:
            beam.step(each)
        return self._with_hotwords(state, Said(self._close(beam), scores))

    def _close(self, beam: Beam, before: Sequence[str] = (), shown: Sequence[str] = ()) -> Path:
        if self._rescorer is None:
            return beam.close()
        return self._rescorer.choose(beam.close_with(self._rescorer.most), before, shown)

    def _with_hotwords(self, state: Utterance, said: Said) -> Said:
        if not state.hotwords:
            return said
        put = self._hotwords.make(state.hotwords).put
        return said._replace(path=put(said.path, joined(said.scores)))

    def _finish(self, states: Sequence[Utterance]) -> None:
        """All that waits, the last chunk shorter."""
        self._hear([(state.draft, state.chunk, 1) for state in states])

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


def joined(scores: Sequence[Floats]) -> Floats:
    """Phone log-probs of all frames so far [n, classes]."""
    return np.concatenate(scores) if scores else np.empty((0, 1), np.float32)


def words_of(state: Utterance, said: Said, begin: int = 0) -> list[Word]:
    """Words with their times in the epoch; lower case, but hotwords as their channel has them.
    What was said begins at the segment's frame `begin`.
    """
    path, scores = said.path, joined(said.scores)
    offset = state.second_of(begin)
    return [
        Word(
            word=spoken.text if spoken.hot else spoken.text.lower(),
            start=round(offset + spoken.start / FRAMES_PER_SECOND, 3),
            end=round(offset + spoken.end / FRAMES_PER_SECOND, 3),
            confidence=confidence_of(spoken, path, scores),
        )
        for spoken in path.words
    ]


def _capitals(words: Sequence[Word]) -> list[str]:
    return [word.word.upper() for word in words]


def confidence_of(spoken: Spoken, path: Path, scores: Floats) -> float:
    """How sure the recogniser is of the word's phones: their mean log-prob, as a probability."""
    frames = np.arange(spoken.start, min(spoken.end, len(path.tokens)))
    if not len(frames):
        return 0.0
    tokens = np.array(path.tokens[spoken.start : spoken.start + len(frames)])
    sure = float(np.exp(scores[frames, tokens].mean()))
    return round(min(1.0, sure), 3)
