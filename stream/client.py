"""A client of `ontime.v1` for Python: what the command line and the demo talk through."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import NamedTuple, TypeVar

import structlog
from msgspec import UNSET
from msgspec.structs import replace
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, InvalidURI, WebSocketException

from stream.core import wire
from stream.core.errors import BusError, CloseCode, Malformed, NoToken, OntimeError, Refused
from stream.core.messages import Error, Message, ServerMessage
from stream.core.requests import ClientMessage, Subscribe

logger = structlog.get_logger(__name__)
M = TypeVar("M", bound=Message)

KEPT = 10_000
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 10.0
HOPELESS = frozenset({CloseCode.POLICY, CloseCode.NOT_ALLOWED})


class ServerGone(BusError):
    """The connection to the server could not be made, or has ended with `close_code`."""

    code = "server_gone"

    def __init__(self, told: str, close_code: int | None = None) -> None:
        super().__init__(told)
        self.close_code = close_code


class ServerRefused(Refused):
    """The server answered with an `error`."""

    code = "server_refused"


class Server(NamedTuple):
    """Where a server is (`ws://HOST:PORT` or `wss://…`) and as whom to come.

    Without `tls` a `wss` server is trusted as the system trusts others.
    """

    url: str
    token: str = ""
    tls: ssl.SSLContext | None = None


def trust_only(certificate: str) -> ssl.SSLContext:
    """For a server that is known by its certificate (a PEM file), whatever its name."""
    context = ssl.create_default_context(cafile=certificate)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # it may be signed by somebody else
    return context


class Client:
    """One connection. Messages that `expect` passes over are kept for `receive`, in order."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._kept: deque[ServerMessage] = deque(maxlen=KEPT)

    async def send(self, request: ClientMessage) -> None:
        """Raises ServerGone, NoToken."""
        await self._write(wire.encode_request(request).decode())

    async def send_audio(self, pcm: bytes) -> None:
        """Samples of the channel that this connection has opened. Raises ServerGone, NoToken."""
        await self._write(pcm)

    async def receive(self) -> ServerMessage:
        """The next message. Raises ServerGone, which tells the code and the reason, or NoToken."""
        return self._kept.popleft() if self._kept else await self._read()

    async def expect(self, kind: type[M], id: str | None = None) -> M:  # noqa: A002
        """The next message of `kind` (and with `id`). Raises ServerRefused on its `error`."""
        while True:
            message = await self._read()
            if isinstance(message, Error) and (id is None or message.id in {id, None}):
                raise ServerRefused(message.message)
            if isinstance(message, kind) and (id is None or getattr(message, "id", None) == id):
                return message
            self._kept.append(message)

    async def _write(self, data: str | bytes) -> None:
        try:
            await self._connection.send(data)
        except ConnectionClosed as error:
            raise _gone(error) from error

    async def _read(self) -> ServerMessage:
        try:
            data = await self._connection.recv()
        except ConnectionClosed as error:
            raise _gone(error) from error
        return wire.decode_message(data)


@asynccontextmanager
async def connected(server: Server) -> AsyncIterator[Client]:
    """A client of the server. Raises ServerGone, NoToken, and Malformed for its address."""
    url = server.url.rstrip("/")
    headers = {"Authorization": f"Bearer {server.token}"} if server.token else {}
    try:
        connection = await connect(
            f"{url}/v1/stream",
            additional_headers=headers,
            ssl=server.tls or url.startswith("wss:") or None,
            compression=None,
            max_size=wire.BINARY_LIMIT_BYTES,
            proxy=None,
        )
    except InvalidStatus as error:
        status = error.response.status_code
        refusal: OntimeError = ServerGone(f"{url} answered with status {status}, expected 101")
        raise (NoToken(f"{url} wants a token") if status == 401 else refusal) from error
    except InvalidURI as error:
        raise Malformed("url", ascii(url[:80]), "ws://HOST:PORT or wss://HOST:PORT") from error
    except (OSError, WebSocketException) as error:
        raise ServerGone(f"no server at {url}: {error}") from error
    async with connection:
        yield Client(connection)


async def follow(server: Server, request: Subscribe) -> AsyncGenerator[ServerMessage, None]:
    """A channel's messages for ever: connects again and resumes where it stood.

    `Subscribed` comes first and after each reconnection; its `recovered` tells whether anything is
    missing. Raises ServerGone where the server will not have us, NoToken where it wants a token.
    """
    pauses = _pauses()
    while True:
        try:
            async with connected(server) as client:
                await client.send(request)
                while True:
                    message = await client.receive()
                    yield message
                    request = _resumed(request, message)
                    pauses = _pauses()
        except ServerGone as error:
            if error.close_code in HOPELESS:
                raise
            logger.warning("connects again", url=server.url, error=str(error))
        await asyncio.sleep(next(pauses))


def _resumed(request: Subscribe, message: ServerMessage) -> Subscribe:
    """The same subscription from after this message."""
    cursor = getattr(message, "cursor", UNSET)
    return request if cursor is UNSET else replace(request, since=cursor)


def _pauses() -> Iterator[float]:
    """Seconds before each try: longer and longer, by chance, so that not all come at once."""
    longest = FIRST_PAUSE_S
    while True:
        yield random.uniform(longest / 2, longest)
        longest = min(2 * longest, LONGEST_PAUSE_S)


def _gone(error: ConnectionClosed) -> ServerGone | NoToken:
    close = error.rcvd
    if close is None:
        return ServerGone("the server closed the connection without a word")
    told = f"the server closed the connection: {int(close.code)} {close.reason}"
    if close.code == CloseCode.NO_TOKEN:
        return NoToken(told.strip())
    return ServerGone(told.strip(), int(close.code))
