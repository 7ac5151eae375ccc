"""What waits for one subscriber: newest partial wins, what must arrive is never dropped."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from typing import NamedTuple

from stream.core.errors import TooSlow
from stream.core.messages import Caption, Gap, Message, Pong, Stale, Translation


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxLimits:
    """Bounds of what waits for one subscriber.

    limit_bytes  of what must arrive; over it the peer is too slow
    age_s        of the oldest that must arrive; over it the peer is too slow
    loose        items that may be dropped; over it the oldest of them goes
    loose_bytes  of these items; the same reaction
    """

    limit_bytes: int = 4 * 1024 * 1024
    age_s: float = 30.0
    loose: int = 512
    loose_bytes: int = 1024 * 1024


class Item(NamedTuple):
    """A finished frame. Of loose items with one `key` only the newest waits, in the first's place.

    A `kept` item must arrive; with a `key` it also ends the loose item that waits under it.
    """

    frame: bytes
    kept: bool = True
    key: tuple[Hashable, ...] | None = None
    channel: str = ""


def item_of(message: Message, frame: bytes) -> Item:
    """How a message waits: partials and staleness by the newest, gaps and pongs loosely."""
    channel = getattr(message, "channel", "")
    match message:
        case Caption(segment=segment):
            return Item(frame, message.final, ("caption", channel, segment), channel)
        case Translation(segment=segment, language=language) if not message.id:
            key = ("translation", channel, segment, language)
            return Item(frame, message.final, key, channel)
        case Stale():
            return Item(frame, False, ("stale", channel), channel)
        case Gap(start=start):
            return Item(frame, False, ("gap", channel, start), channel)
        case Pong(id=asked):
            return Item(frame, False, ("pong", asked))
        case _:
            return Item(frame, True, None, channel)


class Outbox:
    """Items in the order in which they first came; bounded, see OutboxLimits."""

    def __init__(self, limits: OutboxLimits | None = None) -> None:
        self.limits = limits or OutboxLimits()
        self.kept_bytes = 0
        self.loose_bytes = 0
        self.replaced = 0
        self.dropped = 0
        self._waiting: dict[Hashable, Item] = {}
        self._loose: dict[Hashable, None] = {}
        self._put_at: deque[float] = deque()
        self._numbers = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, item: Item, now: float) -> None:
        """Add an item. Raises TooSlow over a bound; then nothing more will be read from here."""
        if item.kept:
            self._keep(item, now)
        else:
            self._replace(item)

    def take(self, limit_bytes: int) -> bytes:
        """The next frames joined, about `limit_bytes` of them but at least one; b"" if none."""
        if self.kept_bytes + self.loose_bytes <= limit_bytes:
            return self._take_all()
        keys: list[Hashable] = []
        size = 0
        for key, item in self._waiting.items():
            keys.append(key)
            size += len(item.frame)
            if size >= limit_bytes:
                break
        return b"".join([self._remove(key).frame for key in keys])

    def check(self, now: float) -> None:
        """Raises TooSlow when what must arrive has waited too long."""
        if self._put_at and now - self._put_at[0] > self.limits.age_s:
            waited = now - self._put_at[0]
            raise TooSlow(f"oldest message has waited {waited:.0f} s, {self._expected}")

    def has_room(self, size_bytes: int) -> bool:
        """True where so much more that must arrive does not close the peer."""
        return self.kept_bytes + size_bytes <= self.limits.limit_bytes

    def leave(self, channel: str) -> None:
        """Drop what is loose of a channel that is no longer listened to."""
        for key in tuple(self._loose):
            if self._waiting[key].channel == channel:
                self._remove(key)

    def clear(self) -> None:
        """Drop everything: the peer is gone."""
        self._take_all()

    def statistics(self) -> dict[str, float]:
        return {
            "waiting": len(self._waiting),
            "waiting_bytes": self.kept_bytes + self.loose_bytes,
            "replaced": self.replaced,
            "dropped": self.dropped,
        }

    def _keep(self, item: Item, now: float) -> None:
        if item.key is not None and item.key in self._loose:
            self._remove(item.key)
            self.replaced += 1
        self._numbers += 1
        self._waiting[self._numbers] = item
        self._put_at.append(now)
        self.kept_bytes += len(item.frame)
        if self.kept_bytes > self.limits.limit_bytes:
            raise TooSlow(f"{self.kept_bytes} bytes are waiting, {self._expected}")
        self.check(now)

    def _replace(self, item: Item) -> None:
        former = self._waiting.get(item.key)
        self._waiting[item.key] = item
        self._loose[item.key] = None
        self.loose_bytes += len(item.frame)
        if former is not None:
            self.loose_bytes -= len(former.frame)
            self.replaced += 1
        while self._is_crowded():
            self._remove(next(iter(self._loose)))
            self.dropped += 1

    def _is_crowded(self) -> bool:
        limits = self.limits
        return len(self._loose) > limits.loose or self.loose_bytes > limits.loose_bytes

    def _remove(self, key: Hashable) -> Item:
        item = self._waiting.pop(key)
        if item.kept:
            self._put_at.popleft()  # kept items leave from the front only
            self.kept_bytes -= len(item.frame)
        else:
            del self._loose[key]
            self.loose_bytes -= len(item.frame)
        return item

    def _take_all(self) -> bytes:
        frames = [item.frame for item in self._waiting.values()]
        self._waiting.clear()
        self._loose.clear()
        self._put_at.clear()
        self.kept_bytes = self.loose_bytes = 0
        return frames[0] if len(frames) == 1 else b"".join(frames)

    @property
    def _expected(self) -> str:
        return f"expected at most {self.limits.limit_bytes} bytes and {self.limits.age_s:g} s"
