"""A publisher's audio on its way into the audio log: cut on a grid, counted, and not too fast."""

from __future__ import annotations

from stream.core.records import SAMPLE_RATE, AudioChunk
from stream.core.requests import Open

GRID_SAMPLES = SAMPLE_RATE // 50
LONGEST_SAMPLES = 5 * GRID_SAMPLES
BYTES_PER_SAMPLE = 2


class Pace:
    """How far something that should come at `per_s` units a second is ahead of that.

    Who paused starts anew: what was saved up by silence is not spent on a flood.
    """

    def __init__(self, per_s: float, now: float) -> None:
        self._per_s = per_s
        self._began = now
        self._came = 0

    def add(self, units: int) -> None:
        self._came += units

    def ahead_s(self, now: float) -> float:
        ahead = self._began + self._came / self._per_s - now
        if ahead < 0:
            self._began -= ahead
        return max(0.0, ahead)


class Feed:
    """One epoch of a channel's audio, 16 kHz mono s16le.

    Records begin on multiples of 20 ms and hold 20 to 100 ms; what is left of a piece waits for the
    next one. The first sample of the epoch is sample 0.
    """

    def __init__(self, request: Open, epoch: str, now: float) -> None:
        self.request = request
        self.epoch = epoch
        self._pace = Pace(SAMPLE_RATE, now)
        self._start = 0
        self._rest = b""

    def put(self, pcm: bytes, now: float) -> list[AudioChunk]:
        """The records that `pcm` completes; `now` is when its last sample arrived."""
        self._pace.add(len(pcm) // BYTES_PER_SAMPLE)
        pcm = self._rest + pcm
        grid = GRID_SAMPLES * BYTES_PER_SAMPLE
        whole = len(pcm) // grid * grid
        self._rest = pcm[whole:]
        step = LONGEST_SAMPLES * BYTES_PER_SAMPLE
        return [self._chunk(pcm[at : min(at + step, whole)], now) for at in range(0, whole, step)]

    def end(self, pcm: bytes, now: float) -> list[AudioChunk]:
        """The last records, after `pcm`: the final one says so, and may be short or empty."""
        chunks = self.put(pcm, now)
        return [*chunks, self._chunk(self._rest, now, last=True)]

    def ahead_s(self, now: float) -> float:
        """Seconds of audio that came faster than they could be spoken."""
        return self._pace.ahead_s(now)

    def _chunk(self, pcm: bytes, now: float, *, last: bool = False) -> AudioChunk:
        request = self.request
        chunk = AudioChunk(
            channel=request.channel,
            epoch=self.epoch,
            start=self._start,
            pcm=pcm,
            arrived=now,
            budget_ms=request.budget_ms,
            language=request.language,
            translate=request.translate,
            last=last,
        )
        self._start += len(pcm) // BYTES_PER_SAMPLE
        return chunk


def make_epoch(now: float, chance: int) -> str:
    """A name for a run of a channel's audio: later ones sort after earlier ones.

    Milliseconds of the clock and 32 random bits, in hexadecimal.
    """
    return f"{int(now * 1000):012x}{chance & 0xFFFFFFFF:08x}"
