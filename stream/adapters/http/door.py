"""One connection: moderations are read here, everything else is left to uvicorn.

A request through uvicorn, h11 and Starlette costs several times what is done for it, so that under
load requests wait where nobody sees it. The way from the socket to the gate is short here, and each
request's budget begins when the kernel got it.
"""

from __future__ import annotations

import asyncio
import http
from collections.abc import Callable
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol
from uvicorn.server import ServerState

from stream.adapters.http.answers import Answer
from stream.adapters.http.desk import Desk
from stream.adapters.http.kernel import since_last_data_s
from stream.core.heads import Head, Unusual, read_head

LINE = b"POST /v1/moderations HTTP/1.1"
BODY_LIMIT_BYTES = 1024 * 1024
AHEAD_BYTES = 64 * 1024
"""Of further requests that are read while one is under way."""
KEEP_ALIVE_S = 30
_STATUS = {
    status: f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}\r\n".encode()
    for status in http.HTTPStatus
}


class Door(asyncio.Protocol):
    """One request is under way at a time. A connection that asks for anything else, or in another
    way than usual, is uvicorn's from then on. Who asks for nothing for KEEP_ALIVE_S is closed.
    """

    def __init__(
        self,
        desk: Desk,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        since_last_data: Callable[[int], float] = since_last_data_s,
    ) -> None:
        self._desk = desk
        self._uvicorn = (config, server_state, app_state, _loop)
        self._state = server_state
        self._loop = _loop or asyncio.get_running_loop()
        self._since_last_data = since_last_data
        self._transport: asyncio.Transport
        self._descriptor = -1
        self._buffer = bytearray()
        self._head: Head | None = None
        self._came = 0.0
        self._quiet_since = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._under_way = self._reading_paused = self._writing_paused = False
        self._lost = self._ending = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self._state.connections.add(self)  # type: ignore[arg-type]
        sock = transport.get_extra_info("socket")
        self._descriptor = -1 if sock is None else sock.fileno()
        self._timer = self._loop.call_later(KEEP_ALIVE_S, self._close_if_quiet)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._leave()

    def data_received(self, data: bytes) -> None:
        self._came = self._desk.now() - self._since_last_data(self._descriptor)
        self._buffer += data
        if not self._under_way:
            self._read()
        elif len(self._buffer) > AHEAD_BYTES and not self._reading_paused:
            self._reading_paused = True
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        self._writing_paused = True

    def resume_writing(self) -> None:
        self._writing_paused = False
        self._read_on()

    def shutdown(self) -> None:
        """uvicorn stops: what is under way is answered first."""
        self._ending = True
        if not self._under_way:
            self._transport.close()

    def _read(self) -> None:
        """The next request, if it is all there."""
        try:
            head = self._head = self._head or read_head(self._buffer, LINE)
        except Unusual:
            self._hand_over()
            return
        if head is None:
            return
        if head.length > BODY_LIMIT_BYTES:  # that is told there
            self._hand_over()
            return
        end = head.size + head.length
        if len(self._buffer) < end:
            return
        body = bytes(memoryview(self._buffer)[head.size : end])
        del self._buffer[:end]
        self._head, self._under_way = None, True
        self._ending = self._ending or head.closes
        self._desk.moderate(head.authorization, body, self._came, self._answer)

    def _answer(self, answer: Answer) -> None:
        self._under_way = False
        if self._lost:
            return
        self._state.total_requests += 1
        self._transport.write(self._render(answer))
        self._quiet_since = self._loop.time()
        if self._ending:
            self._transport.close()
        elif self._buffer or self._reading_paused:
            # not from here: who sends many at once must not hold up the others
            self._loop.call_soon(self._read_on)

    def _render(self, answer: Answer) -> bytes:
        fields = [_STATUS[http.HTTPStatus(answer.status)]]
        fields += [b"%b: %b\r\n" % field for field in self._state.default_headers]
        fields += [f"{name}: {told}\r\n".encode() for name, told in answer.headers.items()]
        if self._ending:
            fields.append(b"connection: close\r\n")
        length = len(answer.body)
        fields.append(b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % length)
        return b"".join([*fields, answer.body])

    def _read_on(self) -> None:
        if self._lost or self._ending or self._under_way or self._writing_paused:
            return
        if self._reading_paused:
            self._reading_paused = False
            self._transport.resume_reading()
        if self._buffer:
            self._read()

    def _hand_over(self) -> None:
        """What has been read of the connection, and all that comes, is uvicorn's."""
        self._leave()
        self._lost = True
        config, state, app_state, loop = self._uvicorn
        inner = AutoHTTPProtocol(config, state, app_state, loop)  # type: ignore[call-arg]
        inner.connection_made(self._transport)
        self._transport.set_protocol(inner)
        inner.data_received(bytes(self._buffer))
        self._buffer.clear()

    def _leave(self) -> None:
        self._state.connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()

    def _close_if_quiet(self) -> None:
        """One timer a connection, not one a request."""
        left_s = self._quiet_since + KEEP_ALIVE_S - self._loop.time()
        if self._under_way or left_s > 0:
            self._timer = self._loop.call_later(max(left_s, 1.0), self._close_if_quiet)
        else:
            self._transport.close()
