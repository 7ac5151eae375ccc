"""What a captions worker writes of what it heard: captions, progress, gaps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stream.core import wire
from stream.core.messages import Caption, Gap, Latency, Rung
from stream.core.records import SAMPLE_RATE, AudioChunk, Origin, Progress, Topic
from workers.core.track import Piece, Track, seconds
from workers.ports import Hypothesis
from workers.role import Publication, Timing

REVISION_SAMPLES = SAMPLE_RATE // 50


@dataclass(frozen=True, slots=True)
class Report:
    """Publications in the name of `owner`; below rung `top` a caption is degraded.

    `chunk` is the channel's newest audio, which carries its language and budget. Captions pass
    `screen` before anybody sees them.
    """

    owner: str
    top: Rung
    screen: Callable[[Caption], Caption]

    def caption(
        self,
        chunk: AudioChunk,
        track: Track,
        said: Hypothesis,
        upto: int,
        rung: Rung,
        timing: Timing,
    ) -> Publication:
        """A revision is numbered by the audio that it covers, so that a replay numbers it alike."""
        covered = said.ended if said.final else upto
        piece = track.piece_at(covered)
        caption = Caption(
            channel=chunk.channel,
            segment=f"{track.epoch}-{said.start}",
            revision=max(0, covered - said.start) // REVISION_SAMPLES + 1 + said.final,
            text=said.text,
            stable=len(said.text) if said.final else said.stable,
            final=said.final,
            start=seconds(said.start),
            end=seconds(said.end),
            audio_end=seconds(covered),
            words=said.words,
            language=chunk.language,
            rung=rung,
            latency=_latency(piece, timing),
            budget_ms=chunk.budget_ms,
            degraded=rung is not self.top,
        )
        origin = self._origin(chunk, piece, settled=said.ended if said.final else -1)
        topic = Topic.CAPTIONS if said.final else Topic.PARTIALS
        payload = wire.encode_result(self.screen(caption), origin)
        return Publication(topic, chunk.channel, payload, durable=said.final)

    def progress(self, chunk: AudioChunk, track: Track, upto: int, *, over: bool) -> Publication:
        progress = Progress(
            channel=chunk.channel, epoch=track.epoch, audio_end=seconds(upto), over=over
        )
        payload = wire.encode_result(progress, self._origin(chunk, track.newest))
        return Publication(Topic.PARTIALS, chunk.channel, payload, durable=over)

    def gap(
        self, chunk: AudioChunk, track: Track, start: int, end: int, reason: str
    ) -> Publication:
        gap = Gap(channel=chunk.channel, start=seconds(start), end=seconds(end), reason=reason)
        payload = wire.encode_result(gap, self._origin(chunk, track.newest))
        return Publication(Topic.EVENTS, chunk.channel, payload)

    def _origin(self, chunk: AudioChunk, piece: Piece | None, settled: int = -1) -> Origin:
        return Origin(
            owner=self.owner,
            arrived=piece.arrived if piece else chunk.arrived,
            budget_ms=chunk.budget_ms,
            settled=settled,
            translate=chunk.translate,
        )


def _latency(piece: Piece | None, timing: Timing) -> Latency:
    decode_ms = round(timing.took_s * 1000, 3)
    if piece is None:
        return Latency(decode_ms=decode_ms)
    return Latency(
        ingress_ms=round(max(0.0, piece.read - piece.arrived) * 1000, 3),
        queue_ms=round(max(0.0, timing.began - piece.read) * 1000, 3),
        decode_ms=decode_ms,
    )
