"""Who listens to what."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Generic, NamedTuple, TypeVar

from stream.core.cursor import ORDERED, Offsets
from stream.core.messages import (
    Caption,
    Decision,
    Fact,
    Gap,
    Post,
    Retract,
    Review,
    Stale,
    Translation,
)
from stream.core.records import Topic
from stream.core.requests import Kind, Subscribe

P = TypeVar("P")

_TOPICS: dict[Kind, Topic] = {
    "captions": Topic.CAPTIONS,
    "translations": Topic.TRANSLATIONS,
    "posts": Topic.EVENTS,
    "reviews": Topic.EVENTS,
}


_WANTED_BY: dict[type, frozenset[Kind]] = {
    Caption: frozenset({"captions"}),
    Translation: frozenset({"translations"}),
    Post: frozenset({"posts"}),
    Review: frozenset({"reviews"}),
    Decision: frozenset({"reviews"}),
    Gap: frozenset({"captions"}),
    Stale: frozenset({"captions", "translations"}),
}
_SPOKEN: frozenset[Kind] = frozenset({"captions", "translations"})
_WRITTEN: frozenset[Kind] = frozenset({"posts", "reviews"})


def _wanted_by(message: Fact | Stale) -> frozenset[Kind]:
    """The kinds that a message belongs to; none for what only one peer waits for."""
    if isinstance(message, Retract):
        return _SPOKEN if message.segment else _WRITTEN
    return _WANTED_BY.get(type(message), frozenset())


class Filter(NamedTuple):
    """What a subscriber wants; `languages` (None: all) are those of translations."""

    kinds: frozenset[Kind]
    languages: frozenset[str] | None
    partials: bool

    @classmethod
    def of(cls, request: Subscribe, moderator: bool) -> Filter:
        """Only a moderator gets reviews and decisions, whatever was asked for."""
        kinds = frozenset(request.kinds)
        languages = None if request.languages is None else frozenset(request.languages)
        return cls(kinds if moderator else kinds - {"reviews"}, languages, request.partials)

    def admits(self, message: Fact | Stale) -> bool:
        if isinstance(message, Caption | Translation) and not (message.final or self.partials):
            return False
        if isinstance(message, Translation) and self.languages is not None:
            return "translations" in self.kinds and message.language in self.languages
        return not self.kinds.isdisjoint(_wanted_by(message))

    def places(self) -> Collection[int]:
        """The ordered logs (indices into cursor.ORDERED) that what it wants may come from."""
        topics = {_TOPICS[kind] for kind in self.kinds} | {Topic.EVENTS}
        return frozenset(ORDERED.index(topic) for topic in topics)


class Subscription(NamedTuple, Generic[P]):
    """`start`: what lies before these offsets has been seen, or is not wanted."""

    peer: P
    filter: Filter
    start: Offsets


class Group(Generic[P]):
    """Those of one channel who share a filter."""

    __slots__ = ("_peers", "subscriptions")

    def __init__(self) -> None:
        self.subscriptions: dict[P, Subscription[P]] = {}
        self._peers: tuple[P, ...] | None = None

    @property
    def peers(self) -> tuple[P, ...]:
        """The same tuple until somebody joins or leaves: to touch every peer has its price."""
        if self._peers is None:
            self._peers = tuple(self.subscriptions)
        return self._peers

    def add(self, subscription: Subscription[P]) -> None:
        self.subscriptions[subscription.peer] = subscription
        self._peers = None

    def remove(self, peer: P) -> None:
        del self.subscriptions[peer]
        self._peers = None


class Hub(Generic[P]):
    """Subscriptions by channel and, in it, by filter: a filter is asked once for all who share it.

    A peer has at most one subscription to a channel. The number of channels a peer may listen to
    is bounded by its session.
    """

    def __init__(self) -> None:
        self._channels: dict[str, dict[Filter, Group[P]]] = {}
        self._joined: dict[P, dict[str, Filter]] = {}
        self._furthest: dict[str, Offsets] = {}
        self._subscriptions = 0

    def join(self, channel: str, subscription: Subscription[P]) -> None:
        """Listen; takes the place of the peer's former subscription to the channel."""
        self.leave(channel, subscription.peer)
        groups = self._channels.setdefault(channel, {})
        groups.setdefault(subscription.filter, Group()).add(subscription)
        self._joined.setdefault(subscription.peer, {})[channel] = subscription.filter
        furthest = self._furthest.get(channel, subscription.start)
        self._furthest[channel] = furthest.merge(subscription.start)
        self._subscriptions += 1

    def leave(self, channel: str, peer: P) -> bool:
        """Listen no longer; False where the peer did not."""
        joined = self._joined.get(peer, {})
        wanted = joined.pop(channel, None)
        if wanted is None:
            return False
        if not joined:
            del self._joined[peer]
        self._remove(channel, wanted, peer)
        return True

    def forget(self, peer: P) -> None:
        """The peer is gone."""
        for channel in tuple(self._joined.get(peer, ())):
            self.leave(channel, peer)

    def route(self, message: Fact | Stale) -> Iterator[Group[P]]:
        """Those who get a message, group by group; peers may leave between two groups."""
        for wanted, group in tuple(self._channels.get(message.channel, {}).items()):
            if wanted.admits(message):
                yield group

    def furthest(self, channel: str) -> Offsets:
        """No subscription of the channel starts later than these offsets."""
        return self._furthest.get(channel, Offsets())

    def channels(self) -> list[str]:
        """The channels that somebody listens to."""
        return list(self._channels)

    def subscriptions(self, channel: str) -> list[Subscription[P]]:
        groups = self._channels.get(channel, {}).values()
        return [subscription for group in groups for subscription in group.subscriptions.values()]

    def listeners(self, channel: str) -> int:
        return len(self.subscriptions(channel))

    def statistics(self) -> dict[str, float]:
        return {
            "peers": len(self._joined),
            "channels": len(self._channels),
            "subscriptions": self._subscriptions,
        }

    def _remove(self, channel: str, wanted: Filter, peer: P) -> None:
        groups = self._channels[channel]
        groups[wanted].remove(peer)
        self._subscriptions -= 1
        if not groups[wanted].subscriptions:
            del groups[wanted]
        if not groups:
            del self._channels[channel], self._furthest[channel]
