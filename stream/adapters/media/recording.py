"""Anything that FFmpeg opens, read to its end: files, URLs, devices, standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from errno import EIO
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import av
import av.error
from av.container import InputContainer

from stream.adapters.media.resampling import bytes_of, to_speech
from stream.core.errors import Unplayable

STDIN = "-"
OPEN_TIMEOUT_S = 15.0
READ_TIMEOUT_S = 30.0
LISTEN_TIMEOUT_S = 3_600.0
"""How long a source that waits for its publisher waits."""
FIRST_BYTES = 12


class Recording:
    """Anything that FFmpeg opens: a file, a URL, a device, or standard input (`-`).

    `form` names FFmpeg's input format where it cannot be seen (devices: `alsa`, `avfoundation`;
    generators: `lavfi`); `listen` waits for a publisher (rtmp, tcp, http). Iterating gives 16 kHz
    mono s16le in pieces of some ten milliseconds. What is damaged inside is skipped and counted in
    `damaged`. Raises Unplayable where nothing can be opened or heard, and says what was found.
    """

    def __init__(self, source: str, *, form: str = "", listen: bool = False) -> None:
        self.source = source
        self.damaged = 0
        self._listens = listen
        self._container = self._open(form, listen)
        if not self._container.streams.audio:
            found = ", ".join(
                f"{stream.type} ({stream.name or 'unknown'})" for stream in self._container.streams
            )
            self._container.close()
            raise Unplayable(f"{source} has no audio stream, only {found or 'nothing'}")

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

    def _open(self, form: str, listen: bool) -> InputContainer:
        try:
            return av.open(
                standard_input() if self.source == STDIN else self.source,
                mode="r",
                format=form or None,
                options={"listen": "1"} if listen else {},
                timeout=(LISTEN_TIMEOUT_S if listen else OPEN_TIMEOUT_S, READ_TIMEOUT_S),
            )
        except (av.error.FFmpegError, OSError, ValueError) as error:
            told = f"{self.source} cannot be opened: {_reason(error)}{_found(self.source)}"
            raise Unplayable(told) from error

    def _frames(self) -> Iterator[av.AudioFrame]:
        stream = self._container.streams.audio[0]
        try:
            for packet in self._container.demux(stream):
                try:
                    yield from packet.decode()
                except av.error.InvalidDataError:
                    self.damaged += 1
        except av.error.ExitError as error:
            told = f"{self.source} broke off: nothing came for {READ_TIMEOUT_S:g} s"
            raise Unplayable(told) from error
        except av.error.FFmpegError as error:
            if self._listens and error.errno == EIO:
                return  # so ends a sender that hangs up
            raise Unplayable(f"{self.source} broke off: {_reason(error)}") from error


def standard_input() -> BinaryIO:
    """Without a buffer: its lock would be held by a read that waits while the process ends."""
    try:
        return open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)
    except (OSError, ValueError):
        return sys.stdin.buffer  # no file at all


def _reason(error: Exception) -> str:
    if isinstance(error, av.error.ProtocolNotFoundError):
        return "this ffmpeg does not speak its protocol; pipe it in from one that does, as -"
    if isinstance(error, av.error.ExitError):
        return "nothing came"
    return str(getattr(error, "strerror", None) or error).lower()


def _found(source: str) -> str:
    """What a file holds in place of a recording."""
    path = Path(source)
    try:
        if path.is_dir():
            return " (it is a folder)"
        with path.open("rb") as file:
            begin = file.read(FIRST_BYTES)
    except (OSError, ValueError):
        return ""
    return f" (it begins with {begin!r})" if begin else " (it is empty)"
