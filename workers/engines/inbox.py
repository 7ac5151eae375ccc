"""What the parent has sent to an engine's process, read at once or looked at in passing."""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Callable
from math import inf

from workers.engines.codec import (
    HEADER_BYTES,
    Forget,
    Hurry,
    Request,
    Run,
    decode_length,
    decode_request,
)

READ_BYTES = 1 << 16
LOOK_EVERY_S = 0.0005
"""A look costs 1.3 us, and is asked for by each text of a batch at each step."""
WAITING = 1_000
"""With so many requests behind a run nobody looks further: the pipe holds them, the run goes on."""


class Inbox:
    """Requests in the order in which they came. A `Hurry` is for the run that it names alone, so
    one that comes late harms no other.
    """

    def __init__(self, pipe: socket.socket, clock: Callable[[], float] = time.monotonic) -> None:
        self._pipe = pipe
        self._clock = clock
        self._looked = -inf
        self._unread = bytearray()
        self._waiting: deque[Run | Forget] = deque()
        self._run = 0
        self._hurried = 0

    def next(self) -> Run | Forget | None:
        """The next request, as soon as there is one; None once the parent is gone."""
        while not self._waiting:
            try:
                received = self._pipe.recv(READ_BYTES)
            except ConnectionError:
                return None
            if not received:
                return None
            self._take(received)
        request = self._waiting.popleft()
        if isinstance(request, Run):
            self._run = request.id
        return request

    def hurried(self) -> bool:
        """Whether the parent wants the answers to the run of `next` now, or is gone."""
        if self._hurried < self._run and (now := self._clock()) - self._looked >= LOOK_EVERY_S:
            self._looked = now
            self._look()
        return self._hurried >= self._run

    def _look(self) -> None:
        try:
            while len(self._waiting) < WAITING:
                if not (received := self._pipe.recv(READ_BYTES, socket.MSG_DONTWAIT)):
                    break
                self._take(received)
            else:
                return
        except BlockingIOError:
            return
        except ConnectionError:
            pass
        self._hurried = self._run

    def _take(self, received: bytes) -> None:
        self._unread += received
        while (request := self._whole()) is not None:
            if isinstance(request, Hurry):
                self._hurried = max(self._hurried, request.id)
            else:
                self._waiting.append(request)

    def _whole(self) -> Request | None:
        """The next request that has come in full. Raises EngineLost where it is none."""
        if len(self._unread) < HEADER_BYTES:
            return None
        end = HEADER_BYTES + decode_length(bytes(self._unread[:HEADER_BYTES]))
        if len(self._unread) < end:
            return None
        payload = bytes(self._unread[HEADER_BYTES:end])
        del self._unread[:end]
        return decode_request(payload)
