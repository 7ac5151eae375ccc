"""Moderators' settings: read from the `policies` log, merged, and written there."""

from __future__ import annotations

import asyncio

from stream.core import wire
from stream.core.errors import BusGone
from stream.core.messages import Configured
from stream.core.policies import Book
from stream.core.records import Record, Topic
from stream.core.requests import Configure
from stream.core.settings import ChannelSettings
from stream.core.wire import Payload
from stream.gate import Asker
from stream.ports import Bus

WRITE_S = 5.0


class Configurator:
    """Keeps `settings` as the log tells them; a change counts once the bus has it."""

    def __init__(self, bus: Bus, settings: ChannelSettings) -> None:
        self._bus = bus
        self._settings = settings

    async def configure(self, request: Configure, asker: Asker) -> None:
        """Write the merged settings, then tell. Raises Malformed or BusError."""
        merged = self._settings.merged(request)
        await self._write(request.channel, wire.encode_settings(merged))
        self._settings.put(merged)
        asker.tell(Configured(id=request.id, channel=request.channel))

    async def lay_down(self, book: Book) -> None:
        """Write the policy file's rules, for all gateways and workers. Raises BusError."""
        await self._write(wire.BOOK, wire.encode_book(book))
        self._settings.put(book)

    def learn(self, record: Record) -> None:
        """A record of the policies log. Raises Malformed."""
        self._settings.put(wire.decode_settings(record))

    async def _write(self, key: str, payload: Payload) -> None:
        try:
            async with asyncio.timeout(WRITE_S):
                await self._bus.publish(Topic.POLICIES, key, payload.value, payload.headers)
        except TimeoutError as error:
            raise BusGone(f"the bus did not take the settings within {WRITE_S:g} s") from error
