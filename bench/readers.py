"""Subscribers that only read: raw sockets in a process of their own, which count what comes."""

from __future__ import annotations

import multiprocessing
import os
import selectors
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.sharedctypes import Synchronized
from typing import Any

_HANDSHAKE = (
    b"GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: ontime.v1\r\n\r\n"
)
_BUFFER_BYTES = 256 * 1024
_LOOK_S = 0.002


class Readers:
    """Bytes read so far from each port's connections, opening handshakes left out."""

    def __init__(self, counters: Mapping[int, Synchronized[int]]) -> None:
        self._counters = counters

    def received(self, port: int) -> int:
        return int(self._counters[port].value)


@contextmanager
def reading(ports: list[int], connections: int, core: int | None) -> Iterator[Readers]:
    """Open so many connections to each port, and read from them until the context ends."""
    spawn = multiprocessing.get_context("spawn")
    counters = {port: spawn.Value("q", 0, lock=False) for port in ports}
    process = spawn.Process(target=_read, args=(counters, connections, core), daemon=True)
    process.start()
    try:
        yield Readers(counters)
    finally:
        process.terminate()
        process.join()


def _read(counters: Mapping[int, Any], connections: int, core: int | None) -> None:
    if core is not None:
        os.sched_setaffinity(0, {core})
    selector = selectors.DefaultSelector()
    for port, counter in counters.items():
        for _ in range(connections):
            selector.register(_connect(port), selectors.EVENT_READ, counter)
    buffer = memoryview(bytearray(_BUFFER_BYTES))
    while True:
        # Who waits in `select` is woken by the sender, at the sender's cost, and the more often the
        # slower it sends. Readers on other machines are not; these look for themselves.
        time.sleep(_LOOK_S)
        for key, _ in selector.select(0):
            assert isinstance(key.fileobj, socket.socket)
            size = key.fileobj.recv_into(buffer)
            key.data.value += size
            if not size:
                selector.unregister(key.fileobj)


def _connect(port: int) -> socket.socket:
    """A connection past its opening handshake."""
    found = socket.create_connection(("127.0.0.1", port))
    found.sendall(_HANDSHAKE)
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += found.recv(1)
    assert answer.startswith(b"HTTP/1.1 101"), answer
    return found
