"""PocketSphinx (CMU, BSD licence): English, with the model that its wheel carries.

An extra (`ontime[pocketsphinx]`): the first recogniser, and the baseline of benchmarks. One rung.
Before a segment's end no word has a confidence (0); a final's are posteriors from the lattice.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pocketsphinx

from stream.core.errors import EngineError
from stream.core.messages import Rung, Word
from stream.core.records import SAMPLE_RATE
from workers.core.endpoint import FRAME_SAMPLES, EndpointRules
from workers.engines.formatting.formatter import make_formatter
from workers.engines.segmenting import SegmentingRecogniser
from workers.engines.silero import Samples, SpeechDetector
from workers.ports import Card

CARD = Card(name="pocketsphinx", task="captions", rungs=(Rung.DRAFT,))
FRAMES_PER_SECOND = 100
FRAME_MS = 1000 * FRAME_SAMPLES // SAMPLE_RATE
FILLER = re.compile(r"[<\[+]")
VARIANT = re.compile(r"\(\d+\)$")


def make_engine(
    decoders: int = 2,
    most_decoders: int = 8,
    silence_ms: int = 800,
    longest_s: float = 20.0,
    *,
    verbatim: bool = False,
) -> SegmentingRecogniser[Utterance]:
    """`decoders` are loaded at once (90 MB, a third of a second each), more when as many segments
    are open; a segment above `most_decoders` is refused: the processor was full long before.
    `verbatim`: finals have words as they were spoken, without case, punctuation and digits.
    """
    rules = EndpointRules(
        silence=silence_ms // FRAME_MS, longest=round(longest_s * 1000) // FRAME_MS
    )
    decoder = SphinxDecoder(decoders, most_decoders)
    write = make_formatter(verbatim=verbatim)
    return SegmentingRecogniser(CARD, SpeechDetector(), rules, decoder, write=write)


@dataclass(slots=True)
class Utterance:
    """A segment in a decoder's hands; `rest` does not fill a frame yet."""

    decoder: pocketsphinx.Decoder
    start: int
    rest: Samples


class SphinxDecoder:
    """A pool of decoders: one for each open segment."""

    def __init__(self, count: int, most: int) -> None:
        self._idle = [load_decoder() for _ in range(count)]
        self._count = count
        self._most = most

    def begin(self, start: int) -> Utterance:
        decoder = self._take()
        # The noise floor, the cepstral mean and the codebook history of the last utterance go.
        decoder.reinit_feat()
        decoder.start_utt()
        return Utterance(decoder, start, np.empty(0, np.int16))

    def step(self, states: Sequence[Utterance], audio: Sequence[Samples]) -> None:
        """Always a frame at a time: the running cepstral mean is moved once a call."""
        for utterance, samples in zip(states, audio, strict=True):
            waiting = np.concatenate((utterance.rest, samples))
            whole = len(waiting) // FRAME_SAMPLES * FRAME_SAMPLES
            for begin in range(0, whole, FRAME_SAMPLES):
                feed(utterance.decoder, waiting[begin : begin + FRAME_SAMPLES])
            utterance.rest = waiting[whole:]

    def read(self, state: Utterance) -> Sequence[Word]:
        return words_of(state, sure=False)

    def end(self, state: Utterance) -> Sequence[Word]:
        if len(state.rest):
            feed(state.decoder, state.rest)
        state.decoder.end_utt()
        words = words_of(state, sure=True)
        self._idle.append(state.decoder)
        return words

    def drop(self, state: Utterance) -> None:
        state.decoder.end_utt()
        self._idle.append(state.decoder)

    def _take(self) -> pocketsphinx.Decoder:
        if self._idle:
            return self._idle.pop()
        if self._count >= self._most:
            raise EngineError(f"{self._count} segments are open, expected at most {self._most}")
        self._count += 1
        return load_decoder()


def load_decoder() -> pocketsphinx.Decoder:
    """Without the second pass (`fwdflat`): it takes 3 s at the end of a segment of 20 s and brought
    no better words (word error rate 36.1 % with it, 35.6 % without, on twenty recordings).
    """
    return pocketsphinx.Decoder(loglevel="FATAL", fwdflat=False)


def feed(decoder: pocketsphinx.Decoder, samples: Samples) -> None:
    decoder.process_raw(samples.tobytes(), no_search=False, full_utt=False)


def words_of(utterance: Utterance, *, sure: bool) -> list[Word]:
    """The best path's words, without fillers and marks of pronunciation."""
    offset = utterance.start / SAMPLE_RATE
    return [
        Word(
            word=VARIANT.sub("", segment.word),
            start=round(offset + segment.start_frame / FRAMES_PER_SECOND, 3),
            end=round(offset + (segment.end_frame + 1) / FRAMES_PER_SECOND, 3),
            confidence=round(min(1.0, segment.prob), 3) if sure else 0.0,
        )
        for segment in utterance.decoder.seg() or ()
        if not FILLER.match(segment.word)
    ]
