"""What holds on each channel: the policy file's rules under what moderators have set."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from stream.core.errors import Malformed
from stream.core.policies import Book, Filter, Policy, PolicyChange, check, resolve
from stream.core.records import Settings
from stream.core.requests import Configure

LIMIT = 100_000


class InForce(NamedTuple):
    """What holds on a channel."""

    hotwords: tuple[str, ...]
    glossary: dict[str, str]
    filter: Filter
    policy: Policy


class ChannelSettings:
    """All that the `policies` log has told; a channel of which it has not gets the defaults.

    Holds `limit` channels; over it, the one that was set longest ago falls back to the defaults.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._book = Book()
        self._by_channel: OrderedDict[str, Settings] = OrderedDict()
        self._in_force: dict[str, InForce] = {}

    def __len__(self) -> int:
        return len(self._by_channel)

    def of(self, channel: str) -> InForce:
        """What holds there; the same object until something about it changes."""
        known = self._in_force.get(channel)
        if known is None:
            if len(self._in_force) >= self._limit:
                self._in_force.clear()
            known = self._in_force[channel] = in_force(self._book, self.set_for(channel))
        return known

    def set_for(self, channel: str) -> Settings:
        """What moderators have set for this very channel."""
        return self._by_channel.get(channel) or Settings(channel=channel)

    def put(self, said: Settings | Book) -> None:
        if isinstance(said, Book):
            self._book = said
            self._in_force.clear()
            return
        self._in_force.pop(said.channel, None)
        self._by_channel[said.channel] = said
        self._by_channel.move_to_end(said.channel)
        if len(self._by_channel) > self._limit:
            oldest, _ = self._by_channel.popitem(last=False)
            self._in_force.pop(oldest, None)

    def merged(self, request: Configure) -> Settings:
        """The channel's settings with what the request sets. Raises Malformed."""
        merged = merge(self.set_for(request.channel), request)
        if request.policy is not UNSET:
            _check_change(in_force(self._book, merged).policy, request.policy)
        return merged


def in_force(book: Book, settings: Settings) -> InForce:
    """The file's defaults, the file's entry for the channel, the moderators' word: in this order
    each stands over the one before.
    """
    entry = book.of(settings.channel)
    filters: list[Filter | UnsetType | None]
    filters = [settings.filter, entry.filter, book.defaults.filter]
    return InForce(
        hotwords=settings.hotwords,
        glossary=settings.glossary,
        filter=next((each for each in filters if each), "off"),
        policy=resolve(book.said_by(book.defaults), book.said_by(entry), settings.policy),
    )


def merge(settings: Settings, request: Configure) -> Settings:
    """The settings with what the request sets; what it leaves out stays as it is."""
    names = ("hotwords", "glossary", "filter", "policy")
    given = {name: getattr(request, name) for name in names}
    changed = {name: value for name, value in given.items() if value is not UNSET}
    return msgspec.structs.replace(settings, **changed)


def _check_change(policy: Policy, said: PolicyChange) -> None:
    try:
        check(policy, said)
    except Malformed as error:
        raise Malformed(f"policy.{error.field}", error.found, error.expected) from error
