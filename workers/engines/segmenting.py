"""A streaming recogniser: a speech detector, endpoints and a decoder, with a state for each stream.

Segments don't depend on how the audio was cut into chunks: detector and endpoints work frame by
frame on the epoch's samples, and decoders are begun anew for every segment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Generic, Protocol, TypeVar, runtime_checkable

from stream.core.errors import EngineError
from stream.core.messages import Rung, Word
from workers.core.endpoint import Closed, EndpointRules
from workers.core.stability import Stability
from workers.engines.listener import Listener, Piece, listen
from workers.engines.silero import Samples, SpeechDetector
from workers.ports import Audio, Card, Heard, Hypothesis, Question

STABLE_AFTER_SAMPLES = 2 * 5_120
"""Two chunks of 320 ms."""

Write = Callable[[Sequence[Word]], Sequence[Word]]
"""Spoken words as people write them: case, punctuation, numbers (engines/formatting)."""

State = TypeVar("State")


class Decoder(Protocol[State]):
    """Turns a segment's audio into words; begun anew for each segment, many at a time.

    Times of words are seconds of the epoch. Raises EngineError.
    """

    def begin(self, start: int) -> State:
        """A segment begins at sample `start`."""

    def step(self, states: Sequence[State], audio: Sequence[Samples]) -> None:
        """More audio of each of these segments; a piece ends on a frame, a segment's last may not.

        The words must not depend on how a segment was cut into pieces.
        """

    def read(self, state: State) -> Sequence[Word]:
        """What has been heard of an unfinished segment."""

    def end(self, state: State) -> Sequence[Word]:
        """What was said. The state is used up."""

    def drop(self, state: State) -> None:
        """Nobody wants this segment any more."""


@runtime_checkable
class Attentive(Decoder[State], Protocol[State]):
    """A decoder that is told more than audio."""

    def heed(self, state: State, audio: Audio, rung: Rung) -> None:
        """How the question that follows wants it: hotwords, length of chunks; before each step."""

    def rest(self, states: Sequence[State]) -> None:
        """These segments may have ended: make ready what `end` would say. That is decided by the
        audio alone, never by how it was cut.
        """


@dataclass(slots=True)
class _Segment(Generic[State]):
    start: int
    state: State
    stability: Stability = field(default_factory=lambda: Stability(STABLE_AFTER_SAMPLES))


@dataclass(slots=True)
class _Stream(Generic[State]):
    listener: Listener
    segment: _Segment[State] | None = None


class SegmentingRecogniser(Generic[State]):
    """An engine for captions, made of a card, a detector, rules for endpoints and a decoder.

    Every segment brings a final, with an empty text where nothing could be made out, so that
    whatever an earlier partial of it showed is replaced whoever decodes it. `write` is applied to
    the words of finals only: partials show words as they are spoken.
    """

    def __init__(
        self,
        card: Card,
        detector: SpeechDetector,
        rules: EndpointRules,
        decoder: Decoder[State],
        *,
        write: Write = tuple,
    ) -> None:
        self.card = card
        self._detector = detector
        self._rules = rules
        self._decoder = decoder
        self._attentive = decoder if isinstance(decoder, Attentive) else None
        self._write = write
        self._streams: dict[str, _Stream[State]] = {}

    def run(self, rung: Rung, questions: Sequence[Question]) -> Sequence[Heard]:
        audios = [self._check(question) for question in questions]
        if len({audio.stream for audio in audios}) < len(audios):
            raise EngineError("a stream is in the batch twice")
        streams = [self._stream_of(audio) for audio in audios]
        listeners = [stream.listener for stream in streams]
        pieces = listen(self._detector, listeners, [(audio.pcm, audio.last) for audio in audios])
        finals: list[list[Hypothesis]] = [[] for _ in streams]
        for turn in zip_longest(*pieces):
            self._decode(rung, audios, streams, turn, finals)
        return [
            self._answer(audio, stream, said)
            for audio, stream, said in zip(audios, streams, finals, strict=True)
        ]

    def forget(self, stream: str) -> None:
        gone = self._streams.pop(stream, None)
        if gone is not None and gone.segment is not None:
            self._decoder.drop(gone.segment.state)

    def _check(self, question: Question) -> Audio:
        if not isinstance(question, Audio):
            raise EngineError(f"{self.card.name} was asked {type(question).__name__}, not Audio")
        if len(question.pcm) % 2:
            raise EngineError(f"audio has {len(question.pcm)} bytes, expected an even number")
        known = self._streams.get(question.stream)
        if not question.fresh and (known is None or known.listener.received != question.start):
            at = f"is at sample {known.listener.received}" if known else "is not known"
            raise EngineError(f"audio goes on at sample {question.start}, its stream {at}")
        return question

    def _stream_of(self, audio: Audio) -> _Stream[State]:
        if audio.fresh:
            self.forget(audio.stream)
            listener = Listener(self._rules, audio.start)
            self._streams[audio.stream] = _Stream(listener)
        return self._streams[audio.stream]

    def _decode(
        self,
        rung: Rung,
        audios: Sequence[Audio],
        streams: Sequence[_Stream[State]],
        turn: Sequence[Piece | None],
        finals: Sequence[list[Hypothesis]],
    ) -> None:
        """One piece of every stream that has one, together."""
        states, samples, resting = [], [], []
        for audio, stream, piece in zip(audios, streams, turn, strict=True):
            if piece is None:
                continue
            if piece.opened is not None:
                start = piece.opened.start
                stream.segment = _Segment(start, self._decoder.begin(start))
            assert stream.segment is not None
            if self._attentive is not None:
                self._attentive.heed(stream.segment.state, audio, rung)
            states.append(stream.segment.state)
            samples.append(piece.audio)
            if piece.likely:
                resting.append(stream.segment.state)
        self._decoder.step(states, samples)
        if self._attentive is not None and resting:
            self._attentive.rest(resting)
        for stream, piece, said in zip(streams, turn, finals, strict=True):
            if piece is not None and piece.closed is not None:
                said.append(self._final(stream, piece.closed))

    def _final(self, stream: _Stream[State], closed: Closed) -> Hypothesis:
        segment, stream.segment = stream.segment, None
        assert segment is not None
        spoken = self._decoder.end(segment.state)
        words = tuple(self._write(spoken)) if closed.sure else ()
        text = " ".join(word.word for word in words)
        return Hypothesis(
            start=segment.start,
            end=closed.end,
            text=text,
            stable=len(text),
            words=words,
            final=True,
            ended=closed.ended,
        )

    def _answer(self, audio: Audio, stream: _Stream[State], said: list[Hypothesis]) -> Heard:
        upto = audio.start + len(audio.pcm) // 2 if audio.last else stream.listener.heard
        settled = upto if audio.last else stream.listener.settled
        partial = None if audio.quiet else self._partial(stream, upto)
        if audio.last:
            self.forget(audio.stream)
        return Heard(
            hypotheses=(*said, *((partial,) if partial else ())),
            upto=upto,
            settled=settled,
            foreseen=0 if audio.last else stream.listener.foreseen,
        )

    def _partial(self, stream: _Stream[State], upto: int) -> Hypothesis | None:
        """What is shown of the open segment: no text before its first word, nor while it may be
        noise, but how far it has been heard.
        """
        segment = stream.segment
        if segment is None:
            return None
        words = self._decoder.read(segment.state) if stream.listener.is_sure else ()
        shown = segment.stability.revise(words, upto)
        return Hypothesis(
            start=segment.start,
            end=upto,
            text=shown.text,
            stable=shown.stable_points,
            words=shown.words,
        )
