"""A client of `ontime.v1` for Python: what the command line and the demo talk through."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from stream.core import wire
from stream.core.errors import BusError, NoToken, OntimeError, Refused
from stream.core.messages import Error, Message, ServerMessage
from stream.core.requests import ClientMessage

M = TypeVar("M", bound=Message)

KEPT = 10_000


class ServerGone(BusError):
    """The connection to the server could not be made, or has ended."""

    code = "server_gone"


class ServerRefused(Refused):
    """The server answered with an `error`."""

    code = "server_refused"


class Client:
    """One connection. Messages that `expect` passes over are kept for `receive`, in order."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._kept: deque[ServerMessage] = deque(maxlen=KEPT)

    async def send(self, request: ClientMessage) -> None:
        """Raises ServerGone."""
        await self._write(wire.encode_request(request).decode())

    async def send_audio(self, pcm: bytes) -> None:
        """Samples of the channel that this connection has opened. Raises ServerGone."""
        await self._write(pcm)

    async def receive(self) -> ServerMessage:
        """The next message. Raises ServerGone, which tells the code and the reason."""
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
async def connected(url: str, token: str = "") -> AsyncIterator[Client]:
    """A client of the server at `ws://HOST:PORT`. Raises ServerGone or NoToken."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        connection = await connect(
            f"{url.rstrip('/')}/v1/stream",
            additional_headers=headers,
            compression=None,
            max_size=wire.BINARY_LIMIT_BYTES,
            proxy=None,
        )
    except InvalidStatus as error:
        status = error.response.status_code
        refusal: OntimeError = ServerGone(f"{url} answered with status {status}, expected 101")
        raise (NoToken(f"{url} wants a token") if status == 401 else refusal) from error
    except (OSError, TimeoutError, ValueError) as error:
        raise ServerGone(f"no server at {url}: {error}") from error
    async with connection:
        yield Client(connection)


def _gone(error: ConnectionClosed) -> ServerGone:
    close = error.rcvd
    told = f"{close.code} {close.reason}".strip() if close else "without a word"
    return ServerGone(f"the server closed the connection: {told}")
