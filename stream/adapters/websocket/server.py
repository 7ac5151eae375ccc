"""The server: who gets in, what a GET gets, and how it ends."""

from __future__ import annotations

import asyncio
import http
import logging
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.protocol import OPEN
from websockets.typing import Subprotocol

from stream.adapters.websocket import handshake
from stream.adapters.websocket.peer import WebSocketPeer
from stream.adapters.websocket.pinger import Pinger
from stream.core.access import Permissions
from stream.core.errors import NotAllowed, NoToken, OntimeError, Overloaded, TooMany
from stream.core.outbox import Outbox
from stream.core.pages import Page, error_page
from stream.core.wire import BINARY_LIMIT_BYTES

# Its debug lines show requests, and with them tokens.
_silent = logging.getLogger("ontime.websockets")
_silent.setLevel(logging.ERROR)

BACKLOG = 1024
"""Connections that may wait to be accepted: an audience comes back all at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """`connections` in all; `per_address`, of which loopback is free (a proxy speaks for many);
    `opening_s` for the whole opening handshake; `origins` that pages may have beside our own.
    """

    connections: int = 10_000
    per_address: int = 256
    opening_s: float = 10.0
    origins: frozenset[str] = frozenset()
    shared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """What the server calls.

    serve    talks with a peer until it has left
    drained  the peer can be written to again
    verify   a token's permissions; raises NoToken
    page     what a GET of a path gets; raises OntimeError
    outbox   a new peer's outbox
    """

    serve: Callable[[WebSocketPeer], Awaitable[None]]
    drained: Callable[[WebSocketPeer], None]
    verify: Callable[[str | None], Permissions]
    page: Callable[[str, Callable[[], Permissions]], Awaitable[Page]]
    outbox: Callable[[], Outbox]


class WebSocketServer:
    """WebSockets on `/v1/stream`, GET beside it. Without tokens (`local`) for this machine only."""

    def __init__(self, hooks: Hooks, limits: ServerLimits, *, local: bool) -> None:
        self._hooks = hooks
        self._limits = limits
        self._local = local
        self._pinger = Pinger()
        self._addresses: Counter[str] = Counter()
        self._open: set[WebSocketPeer] = set()
        self._server: Server | None = None
        self._refused = 0
        self._accepted = 0

    async def bind(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Take the port and return it. Raises OSError, NotAllowed where nobody would be safe."""
        check_host(host, local=self._local)
        # the library wants a class where any factory will do
        options: dict[str, Any] = {"create_connection": self._make_peer, "backlog": BACKLOG}
        if self._limits.shared:
            options["reuse_port"] = True
        if tls is not None:
            options["ssl"] = tls
        self._server = await serve(
            self._talk,
            host,
            port,
            process_request=self._admit,
            select_subprotocol=_select_subprotocol,
            start_serving=False,
            compression=None,
            max_size=2 * BINARY_LIMIT_BYTES,  # what is a little too big is told so by the session
            open_timeout=self._limits.opening_s,
            server_header=None,
            logger=_silent,
            **options,
        )
        return int(self._server.sockets[0].getsockname()[1])

    async def accept(self) -> None:
        """From here on connections are accepted."""
        assert self._server is not None
        await self._server.start_serving()

    async def run(self) -> None:
        """Find out who is gone, until cancelled."""
        await self._pinger.run()

    def stop_accepting(self) -> None:
        if self._server is not None:
            self._server.close(close_connections=False)

    def close_peers(self, error: OntimeError) -> None:
        """Tell every peer why."""
        for peer in tuple(self._open):
            peer.close_soon(error)

    async def wait_closed(self, timeout_s: float) -> None:
        """Wait for all connections to end; those that don't in time are cut off."""
        if self._server is None:
            return
        try:
            async with asyncio.timeout(timeout_s):
                await self._server.wait_closed()
        except TimeoutError:
            for peer in tuple(self._open):
                peer.transport.abort()
            await self._server.wait_closed()

    def statistics(self) -> dict[str, float]:
        return {
            "connections": self._addresses.total(),
            "peers": len(self._open),
            "accepted": self._accepted,
            "refused": self._refused,
            "pinged": self._pinger.pinged,
            "cut_off": self._pinger.cut_off,
        }

    def joined(self, peer: WebSocketPeer) -> None:
        self._addresses[handshake.neighbourhood(peer.address)] += 1
        # Room for refusing in words; beyond it there are no words.
        if self._addresses.total() > self._limits.connections + 256:
            self._refused += 1
            peer.transport.abort()

    def left(self, peer: WebSocketPeer) -> None:
        address = handshake.neighbourhood(peer.address)
        self._addresses[address] -= 1
        if not self._addresses[address]:
            del self._addresses[address]
        self._open.discard(peer)
        self._pinger.remove(peer)

    def drained(self, peer: WebSocketPeer) -> None:
        if peer.protocol.state is OPEN:
            self._hooks.drained(peer)

    def _make_peer(self, *args: Any, **kwargs: Any) -> WebSocketPeer:
        return WebSocketPeer(self, self._hooks.outbox(), *args, **kwargs)

    async def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """None lets the handshake go on; a peer that is refused then hears why in its close."""
        assert isinstance(connection, WebSocketPeer)
        try:
            handshake.check_source(request, self._limits.origins, local=self._local)
            if handshake.path_of(request) != handshake.PATH:
                page = await self._page(request)
                return _respond(page, bodiless=request.method == "HEAD")
        except NotAllowed as error:
            self._refused += 1
            return _respond(error_page(error))
        try:
            self._check_room(connection.address)
            connection.permissions = self._hooks.verify(handshake.token_of(request))
        except (NoToken, Overloaded, TooMany) as error:
            connection.refusal = error
        return None

    async def _page(self, request: Request) -> Page:
        if request.method not in {"GET", "HEAD"}:
            return Page(405, b"").with_headers(Allow="GET, HEAD")
        try:
            return await self._hooks.page(
                handshake.path_of(request),
                lambda: self._hooks.verify(handshake.token_of(request)),
            )
        except OntimeError as error:
            return error_page(error)

    def _check_room(self, address: str) -> None:
        limits = self._limits
        if len(self._open) >= limits.connections:
            raise Overloaded(f"{limits.connections} connections are open, expected fewer")
        here = self._addresses[handshake.neighbourhood(address)]
        if here > limits.per_address and not handshake.is_loopback(address):
            raise TooMany(f"address has {here} connections, expected at most {limits.per_address}")

    async def _talk(self, connection: ServerConnection) -> None:
        assert isinstance(connection, WebSocketPeer)
        if connection.refusal is not None:
            self._refused += 1
            connection.close_soon(connection.refusal)
            await connection.wait_closed()
            return
        self._accepted += 1
        self._open.add(connection)
        self._pinger.add(connection)
        await self._hooks.serve(connection)


def check_host(host: str, *, local: bool) -> None:
    """Raises NotAllowed for an address that others can reach where no secret protects it."""
    if local and not handshake.is_loopback(host):
        raise NotAllowed(
            f"host is {host} and no secret for tokens is set, expected a loopback address"
        )


def make_tls(cert: str, key: str) -> ssl.SSLContext:
    """A server's context from PEM files."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(cert, key or None)
    return context


def _select_subprotocol(
    connection: ServerConnection, offered: list[Subprotocol] | Any
) -> Subprotocol | None:
    return Subprotocol(handshake.SUBPROTOCOL) if handshake.SUBPROTOCOL in offered else None


def _respond(page: Page, *, bodiless: bool = False) -> Response:
    headers = Headers(page.headers)
    headers["Content-Type"] = page.content_type
    headers["Content-Length"] = str(len(page.body))
    headers["Connection"] = "close"
    body = b"" if bodiless else page.body
    return Response(page.status, http.HTTPStatus(page.status).phrase, headers, body)
