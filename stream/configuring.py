"""Moderators' settings: read from the `policies` log, merged, and written there."""

from __future__ import annotations

import asyncio

from stream.core import wire
from stream.core.errors import BusGone
from stream.core.messages import Configured
from stream.core.records import Record, Topic
from stream.core.requests import Configure
from stream.core.settings import ChannelSettings, merge
from stream.gate import Asker
from stream.ports import Bus

WRITE_S = 5.0


class Configurator:
    """Keeps `settings` as the log tells them; a change counts once the bus has it."""

    def __init__(self, bus: Bus, settings: ChannelSettings) -> None:
        self._bus = bus
        self._settings = settings

    async def configure(self, request: Configure, asker: Asker) -> None:
        """Write the merged settings, then tell. Raises BusError."""
        merged = merge(self._settings.of(request.channel), request)
        payload = wire.encode_settings(merged)
        try:
            async with asyncio.timeout(WRITE_S):
                await self._bus.publish(
                    Topic.POLICIES, request.channel, payload.value, payload.headers
                )
        except TimeoutError as error:
            raise BusGone(f"the bus did not take the settings within {WRITE_S:g} s") from error
        self._settings.put(merged)
        asker.tell(Configured(id=request.id, channel=request.channel))

    def learn(self, record: Record) -> None:
        """A record of the policies log. Raises Malformed."""
        self._settings.put(wire.decode_settings(record))
