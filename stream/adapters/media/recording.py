"""Recordings and streams to 16 kHz mono, by PyAV (FFmpeg)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import av
import av.error
from av.container import InputContainer

from stream.adapters.media.resampling import bytes_of, to_speech
from stream.core.errors import Unplayable

STDIN = "-"
OPEN_TIMEOUT_S = 15.0
READ_TIMEOUT_S = 30.0


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
        resampler = to_speech()
        for frame in self._frames():
            for out in resampler.resample(frame):
                yield bytes_of(out)
        for out in resampler.resample(None):
            yield bytes_of(out)

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


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).lower()
