"""What moderators have set for their channels."""

from __future__ import annotations

from collections import OrderedDict

import msgspec
from msgspec import UNSET

from stream.core.records import Settings
from stream.core.requests import Configure

LIMIT = 100_000


class ChannelSettings:
    """The settings of all channels as last read; a channel without any has the defaults.

    Holds `limit` channels; over it, the one that was set longest ago falls back to the defaults.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._by_channel: OrderedDict[str, Settings] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_channel)

    def of(self, channel: str) -> Settings:
        return self._by_channel.get(channel) or Settings(channel=channel)

    def put(self, settings: Settings) -> None:
        self._by_channel[settings.channel] = settings
        self._by_channel.move_to_end(settings.channel)
        if len(self._by_channel) > self._limit:
            self._by_channel.popitem(last=False)


def merge(settings: Settings, request: Configure) -> Settings:
    """The settings with what the request sets; what it leaves out stays as it is."""
    names = ("hotwords", "glossary", "filter", "policy")
    given = {name: getattr(request, name) for name in names}
    changed = {name: value for name, value in given.items() if value is not UNSET}
    return msgspec.structs.replace(settings, **changed)
