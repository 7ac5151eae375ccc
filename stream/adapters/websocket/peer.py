"""One connection: what the library does not do for a peer that may be slow."""

from __future__ import annotations

import asyncio
import fcntl
import socket
import sys
import termios
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.protocol import CONNECTING, OPEN

from stream.core.access import EVERYTHING, Permissions
from stream.core.errors import OntimeError
from stream.core.outbox import Outbox

NOT_SENT_BYTES = 16 * 1024
READ_BYTES = 16 * 1024
"""Read at once, in place of 256 KiB: so many tiny frames would hold the loop for too long."""
CLOSE_TIMEOUT_S = 5.0
WRITE_LIMIT_BYTES = 1
"""As good as none. With none at all asyncio's TLS counts an empty buffer as full."""
QUEUE_FRAMES = 4
_REASON_BYTES = 120


class Host(Protocol):
    """What a connection tells its server."""

    def joined(self, peer: WebSocketPeer) -> None: ...

    def left(self, peer: WebSocketPeer) -> None: ...

    def drained(self, peer: WebSocketPeer) -> None: ...


class WebSocketPeer(ServerConnection):
    """A ports.Peer. Frames are written straight to the transport, which tells when it is full.

    By default the kernel hides megabytes before a write blocks; with TCP_NOTSENT_LOWAT and a write
    buffer limit of next to nothing, `writable` is false as soon as the network is slower than the
    channel.
    """

    writable: bool
    """Kept, not computed: to look into the protocol for each of a thousand costs a tenth of it."""
    write: Callable[[bytes], None]
    """Finished frames go out as they are; only while `writable`."""

    def __init__(self, host: Host, outbox: Outbox, *args: Any, **kwargs: Any) -> None:
        # `max_queue` bounds the frames that wait to be read
        own = {"max_queue": QUEUE_FRAMES, "write_limit": WRITE_LIMIT_BYTES, "ping_interval": None}
        super().__init__(*args, **{**kwargs, **own, "close_timeout": CLOSE_TIMEOUT_S})
        self.outbox = outbox
        self.writable = False
        self.permissions: Permissions = EVERYTHING
        self.refusal: OntimeError | None = None
        self.heard = self.loop.time()
        self._caught_up = True
        self._behind_since = self.heard
        self._unread: Callable[[], int] = _nothing
        self._host = host
        self._ending: asyncio.TimerHandle | None = None

    @property
    def address(self) -> str:
        found = self.remote_address
        return str(found[0]) if isinstance(found, tuple) else ""

    @property
    def is_reading(self) -> bool:
        """False while frames wait: then silence does not mean that the peer is gone."""
        return not self.recv_messages.paused

    async def receive(self) -> str | bytes | None:
        """The next frame; None once the connection has ended."""
        self._caught_up = self._caught_up or self._has_caught_up()
        try:
            return await self.recv()
        except ConnectionClosed:
            return None

    @property
    def waited_s(self) -> float:
        """How long the frame that was received last may have waited to be read, at most: since all
        that had come was read, the first frame came.
        """
        return self.loop.time() - self._behind_since

    def _has_caught_up(self) -> bool:
        return not self.recv_messages.frames and not self._unread()

    def ping_soon(self) -> None:
        """Ask for a sign of life, unless the peer does not even read what it has."""
        if self.writable:
            self.protocol.send_ping(b"")
            self.send_data()

    def close_soon(self, error: OntimeError) -> None:
        """Send the close frame; who does not answer it in time is cut off."""
        if self.protocol.state is not OPEN or error.close is None:
            return
        self.protocol.send_close(error.close, _shorten(str(error)))
        self.send_data()
        self._ending = self.loop.call_later(CLOSE_TIMEOUT_S, self.transport.abort)

    def send_data(self) -> None:
        # whatever changes the protocol's state has something to send
        super().send_data()
        self._update_writable()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        # the transport's own method: a call between costs a tenth of the write (bench/fanout.py)
        self.write = self.transport.write
        sock = transport.get_extra_info("socket")
        _limit_not_sent(sock)
        if sock is not None:
            self._unread = partial(_unread_bytes, sock)
        if hasattr(transport, "max_size"):
            transport.max_size = READ_BYTES
        self._host.joined(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._ending is not None:
            self._ending.cancel()
        self._host.left(self)
        self._unread = _nothing  # the socket is closed next, and its number may be another's
        super().connection_lost(exc)
        self.writable = False

    def data_received(self, data: bytes) -> None:
        self.heard = self.loop.time()
        super().data_received(data)
        if self._caught_up and self.recv_messages.frames:
            self._caught_up, self._behind_since = False, self.heard

    def pause_writing(self) -> None:
        super().pause_writing()
        self.writable = False

    def resume_writing(self) -> None:
        super().resume_writing()
        self._update_writable()
        if self.protocol.state is not CONNECTING:
            self._host.drained(self)

    def _update_writable(self) -> None:
        self.writable = not self.paused and self.protocol.state is OPEN


def text_frame(payload: bytes) -> bytes:
    """One finished text frame of a server (RFC 6455: unmasked, hence the same for everybody)."""
    return Frame(Opcode.TEXT, payload).serialize(mask=False)


def _limit_not_sent(sock: socket.socket | None) -> None:
    # Linux and macOS have the option; elsewhere a slow reader is only seen later.
    option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
    if sock is not None and option is not None:
        sock.setsockopt(socket.IPPROTO_TCP, option, NOT_SENT_BYTES)


def _nothing() -> int:
    return 0


def _unread_bytes(sock: socket.socket) -> int:
    """What the kernel has and we have not."""
    return int.from_bytes(fcntl.ioctl(sock.fileno(), termios.FIONREAD, bytes(4)), sys.byteorder)


def _shorten(reason: str) -> str:
    """A close frame holds 123 bytes of reason."""
    return reason.encode()[:_REASON_BYTES].decode("utf-8", "ignore")
