"""uvicorn as one of our tasks: our sockets, our signals, our shutdown."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from functools import partial

import uvicorn
from starlette.applications import Starlette

from stream.adapters.http.desk import Desk
from stream.adapters.http.door import KEEP_ALIVE_S, Door
from stream.adapters.http.room import Room

DRAIN_S = 5
CONNECTIONS = 2_000
BACKLOG = 512
ACCEPTED_A_TURN = 16
"""uvloop (libuv from 1.45 on) takes one connection a turn of the loop from each listening handle:
behind a busy loop the last of 250 waited for 2.6 s. So there are several handles of one socket.
"""


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the process's lifetime, not to one of its tasks."""
        yield


class HttpServer:
    """Serves an application on a port of its own; moderations go to the desk directly.

    A request for which there is no `room` is refused by the application, in its client's shape;
    over CONNECTIONS uvicorn answers a bare 503.
    """

    def __init__(
        self, app: Starlette, desk: Desk, room: Room, *, cert: str = "", key: str = ""
    ) -> None:
        self._room = room
        self._server = _Server(
            uvicorn.Config(
                app,
                http=partial(Door, desk),  # type: ignore[arg-type]  # whatever makes a protocol
                lifespan="off",
                ws="none",
                log_config=None,
                # a warning for each refused connection would be a flood of its own
                log_level="error",
                access_log=False,
                server_header=False,
                limit_concurrency=CONNECTIONS,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=DRAIN_S,
                ssl_certfile=cert or None,
                ssl_keyfile=key or None,
            )
        )
        # The server would do it in its first step, and hold the loop for a tenth of a second.
        self._server.config.load()
        self._socket: socket.socket | None = None
        self._begun = False
        self._ended = asyncio.Event()

    def bind(self, host: str, port: int, *, shared: bool = False) -> int:
        """Take the port and return it: from here on connections queue. Raises OSError.

        `shared`: other processes listen on the same port.
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server(
            (host, port), family=family, backlog=BACKLOG, reuse_port=shared
        )
        return int(self._socket.getsockname()[1])

    async def run(self) -> None:
        """Serve until `stop`; when cancelled, what is under way is broken off."""
        assert self._socket is not None
        if self._ended.is_set():
            return
        self._begun = True
        try:
            again = [self._socket.dup() for _ in range(ACCEPTED_A_TURN - 1)]
            await self._server.serve(sockets=[self._socket, *again])
        except asyncio.CancelledError:
            for server in getattr(self._server, "servers", ()):
                server.close()
            raise
        finally:
            self.release()
            self._ended.set()

    async def wait_ended(self) -> None:
        """Wait until what was under way at `stop` is finished."""
        await self._ended.wait()

    def release(self) -> None:
        """Give the port back."""
        if self._socket is not None:
            self._socket.close()

    def stop(self) -> None:
        """Finish what is under way, bounded, and end `run`."""
        self._server.should_exit = True
        if not self._begun:
            self.release()
            self._ended.set()

    def statistics(self) -> dict[str, float]:
        state = self._server.server_state
        return {
            "connections": len(state.connections),
            "requests": state.total_requests,
            **self._room.statistics(),
        }
