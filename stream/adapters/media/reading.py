"""A source read in a thread of its own, so that whoever takes its pieces never waits in FFmpeg."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from functools import partial
from types import TracebackType
from typing import Self

from stream.adapters.media.recording import Recording

PIECES = 256
"""Read ahead at most so many, some seconds; then the thread waits for whoever takes them."""
LEAVE_S = 1.0


class Reading:
    """From `async with` to its end; iterate it once. Takes what `Recording` takes.

    Entering waits until the source is open. Leaving, also by cancellation, stops the thread at its
    next piece; one that waits in FFmpeg for a source that says nothing is left behind, and ends
    with the process at the latest. Raises Unplayable.
    """

    def __init__(self, source: str, *, form: str = "", listen: bool = False) -> None:
        self.source = source
        self.seconds: float | None = None
        self._recording: Recording | None = None
        self._make = partial(Recording, source, form=form, listen=listen)
        self._left = threading.Event()
        self._room = threading.Semaphore(PIECES)
        self._thread = threading.Thread(target=self._read, name="media", daemon=True)

    @property
    def damaged(self) -> int:
        return self._recording.damaged if self._recording else 0

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._opened = self._loop.create_future()
        self._ended = asyncio.Event()
        self._pieces: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()  # by `_room`
        self._thread.start()
        try:
            self.seconds = await self._opened
        except BaseException:
            self._left.set()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._left.set()
        self._room.release()
        try:
            async with asyncio.timeout(LEAVE_S):
                await self._ended.wait()
        except TimeoutError:
            return

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (piece := await self._pieces.get()) is not None:
            if isinstance(piece, Exception):
                raise piece
            self._room.release()
            yield piece

    def _read(self) -> None:
        """In the thread: the source is opened, read and closed here alone."""
        try:
            with self._make() as recording:
                self._recording = recording
                self._tell(self._open, recording.seconds)
                for piece in recording:
                    self._room.acquire()
                    if self._left.is_set():
                        break
                    self._tell(self._pieces.put_nowait, piece)
                self._tell(self._pieces.put_nowait, None)
        except Exception as error:
            self._tell(self._fail, error)
        finally:
            self._tell(self._ended.set)

    def _tell(self, what: Callable[..., object], *about: object) -> None:
        try:
            self._loop.call_soon_threadsafe(what, *about)
        except RuntimeError:
            return  # the loop has ended, and with it whoever wanted this

    def _open(self, seconds: float | None) -> None:
        if not self._opened.done():
            self._opened.set_result(seconds)

    def _fail(self, error: Exception) -> None:
        if self._opened.done():
            self._pieces.put_nowait(error)
        else:
            self._opened.set_exception(error)
