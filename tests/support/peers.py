"""A peer that keeps what is written to it."""

from __future__ import annotations

import asyncio

from stream.core import wire
from stream.core.errors import OntimeError
from stream.core.messages import Message
from stream.core.outbox import Outbox, OutboxLimits


def frame(payload: bytes) -> bytes:
    """A frame that can be told apart from the next."""
    return payload + b"\n"


class KeptPeer:
    """A ports.Peer whose network takes everything while it is `open`."""

    def __init__(self, limits: OutboxLimits | None = None) -> None:
        self.outbox = Outbox(limits)
        self.open = True
        self.writes: list[bytes] = []
        self.closed: OntimeError | None = None
        self._written = asyncio.Event()

    @property
    def writable(self) -> bool:
        return self.open and self.closed is None

    def write(self, frames: bytes) -> None:
        assert self.writable
        self.writes.append(frames)
        self._written.set()

    def close_soon(self, error: OntimeError) -> None:
        self.closed = error

    async def wait_messages(self, count: int) -> list[Message]:
        """What was written, once that is `count` messages; a test's time-out ends the wait."""
        while len(found := self.messages()) < count:
            self._written.clear()
            await self._written.wait()
        return found

    def messages(self) -> list[Message]:
        """What was written, message by message."""
        return [wire.decode_message(line) for line in b"".join(self.writes).splitlines()]
