"""Recordings and streams to 16 kHz mono, by PyAV (FFmpeg)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import av
import av.audio.resampler
import av.error
from av.container import InputContainer

from stream.core.errors import Unplayable
from stream.core.records import SAMPLE_RATE

STDIN = "-"
OPEN_TIMEOUT_S = 15.0
READ_TIMEOUT_S = 30.0


class Resampler:
    """Mono s16le of any rate to 16 kHz, piece by piece; 16 kHz passes untouched."""

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._at = 0
        self._inner = _to_speech()

    def resample(self, pcm: bytes) -> bytes:
        """An even number of bytes in; what is ready comes out, some milliseconds behind."""
        if self._rate == SAMPLE_RATE or not pcm:
            return pcm
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(pcm) // 2)
        frame.planes[0].update(pcm)
        frame.sample_rate = self._rate
        frame.pts = self._at
        self._at += frame.samples
        return b"".join(_bytes_of(out) for out in self._inner.resample(frame))

    def flush(self) -> bytes:
        """What is still inside; nothing may follow."""
        if self._rate == SAMPLE_RATE or not self._at:
            return b""
        return b"".join(_bytes_of(out) for out in self._inner.resample(None))


class Recording:
    """Anything that FFmpeg opens: a file, a URL, a device, or standard input (`-`).

    Iterating gives 16 kHz mono s16le in pieces of some ten milliseconds. What is damaged inside is
    skipped and counted in `damaged`. Raises Unplayable where nothing can be opened or heard.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.damaged = 0
        try:
            self._container: InputContainer = av.open(
                sys.stdin.buffer if source == STDIN else source,
                mode="r",
                timeout=(OPEN_TIMEOUT_S, READ_TIMEOUT_S),
            )
        except (av.error.FFmpegError, OSError) as error:
            raise Unplayable(f"{source} cannot be opened: {_reason(error)}") from error
        if not self._container.streams.audio:
            self._container.close()
            raise Unplayable(f"{source} has no audio stream")

    @property
    def seconds(self) -> float | None:
        """Length as the container tells it; None for endless or unknown."""
        duration = self._container.duration
        return duration / av.time_base if duration and duration > 0 else None

    def __iter__(self) -> Iterator[bytes]:
        resampler = _to_speech()
        for frame in self._frames():
            for out in resampler.resample(frame):
                yield _bytes_of(out)
        for out in resampler.resample(None):
            yield _bytes_of(out)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._container.close()

    def _frames(self) -> Iterator[av.AudioFrame]:
        stream = self._container.streams.audio[0]
        try:
            for packet in self._container.demux(stream):
                try:
                    yield from packet.decode()
                except av.error.InvalidDataError:
                    self.damaged += 1
        except av.error.FFmpegError as error:
            raise Unplayable(f"{self.source} broke off: {_reason(error)}") from error


def _to_speech() -> av.audio.resampler.AudioResampler:
    return av.audio.resampler.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)


def _bytes_of(frame: av.AudioFrame) -> bytes:
    return bytes(frame.planes[0])[: frame.samples * 2]


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).lower()
