"""One channel's audio on its way through the captions' ladder."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from stream.core.records import SAMPLE_RATE, AudioChunk, Log
from workers.core.track import Track


@dataclass(slots=True)
class Channel:
    """The first track is decoded, a later one waits behind a break.

    `chunk` is the newest (it carries language and budget), `running` the job in the engine's
    hands, `queued` a job that no newer one replaces. `foreseen`: at this sample the open segment
    ends, or its end is to be made ready, unless speech goes on.
    """

    log: Log
    chunk: AudioChunk
    tracks: deque[Track] = field(default_factory=deque)
    running: str = ""
    queued: str = ""
    quiet: bool = False
    progressed: int = 0
    foreseen: int = 0

    @property
    def name(self) -> str:
        return self.chunk.channel

    @property
    def stream(self) -> str:
        track = self.tracks[0]
        return f"{self.name}/{track.epoch}/{track.start}"

    @property
    def waiting_s(self) -> float:
        return sum(track.pending for track in self.tracks) / SAMPLE_RATE

    def due(self, chunk_ms: int) -> int:
        """Samples that are worth a run, in chunks of this length."""
        return self.tracks[0].due(chunk_ms * SAMPLE_RATE // 1000, self.foreseen)

    def length(self, chunk_ms: int) -> int:
        """What a job is priced by: one chunk also where more waits, or it would be passed over for
        cheaper ones, and the more the longer it waited.
        """
        due = max(1, self.due(chunk_ms))
        return due if self.quiet else min(due, chunk_ms * SAMPLE_RATE // 1000)

    def is_late(self, behind_s: float) -> bool:
        return self.tracks[0].pending > behind_s * SAMPLE_RATE
