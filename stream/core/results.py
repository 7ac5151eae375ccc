"""The result logs as one gateway has read them: what is new, and what resuming subscribers get."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from msgspec.structs import replace

from stream.core import wire
from stream.core.channels import ChannelLimits, Channels, Forgotten
from stream.core.cursor import (
    ORDERED,
    Cursor,
    Offsets,
    decode_cursor,
    encode_cursor,
    shorten_identity,
)
from stream.core.errors import Malformed, Unavailable
from stream.core.faults import shorten
from stream.core.fence import Fence, voice_of
from stream.core.history import LOOSE, Delivery
from stream.core.hub import Filter
from stream.core.messages import Caption, Fact, Translation, Verdict, is_durable
from stream.core.positions import Positions
from stream.core.records import (
    Claim,
    Detection,
    Failure,
    Log,
    Offer,
    Origin,
    Progress,
    Record,
    Result,
    Truncation,
)


class Answer(NamedTuple):
    """What somebody at this gateway waits for."""

    result: Result
    origin: Origin


class Heard(NamedTuple):
    """A channel's audio goes on, or is over; heard `at`."""

    progress: Progress
    at: float


Event = Delivery | Answer | Heard


class Resumption(NamedTuple):
    """A subscription begins at `cursor` with `replay`; not `recovered`: something is lost."""

    cursor: Cursor
    recovered: bool
    replay: list[Delivery]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultLimits:
    """What a gateway remembers; it believes no cursor that is more than `ahead` records ahead."""

    channels: ChannelLimits = field(default_factory=ChannelLimits)
    ahead: int = 100_000

    @property
    def back_s(self) -> float:
        """How far a gateway reads back: the older half only tells what has been said before."""
        return 2 * self.channels.history.age_s


class Results:
    """Told each record in the order of its log, it says what follows.

    Nothing passes twice, and nothing that the fence shuts out. `name` is the gateway's: what is
    addressed to it becomes an Answer.
    """

    def __init__(
        self,
        identity: str,
        name: str,
        partition_of: Callable[[str], int],
        limits: ResultLimits | None = None,
    ) -> None:
        self.limits = limits or ResultLimits()
        self.fence = Fence()
        self.repeats = 0
        self._identity = shorten_identity(identity)
        self._name = name
        self._partition_of = partition_of
        self._positions: Positions | None = None
        self._channels = Channels(self.limits.channels)

    @property
    def is_open(self) -> bool:
        return self._positions is not None

    def open(self, ends: Mapping[Log, int], now: float) -> None:
        """Reading begins, `limits.back_s` before `ends`, the logs' ends just before `now`."""
        self._positions = Positions(ends, now - self.limits.channels.history.age_s)

    def where(self) -> dict[Log, int]:
        """Where to read on, of each log."""
        return self._opened.where()

    @property
    def is_warm(self) -> bool:
        """True once all that lay in the logs at the start has been read."""
        return self._opened.is_warm()

    def settle(self) -> None:
        """No record waits."""
        self._opened.settle()

    def receive(self, record: Record, now: float) -> list[Event]:
        """What follows from a record. Raises Malformed; the record then counts as read."""
        is_kept = self._opened.advance(record)
        is_live = self._opened.is_live(record.log, record.offset)
        result, origin = wire.decode_result(record)
        at = now if is_live else min(now, record.timestamp)
        if isinstance(result, Claim):
            self.fence.claim(record.log, result.owner, at, result.voice)
            return []
        events: list[Event] = []
        if origin.to == self._name and is_live:
            events.append(Answer(result, origin))
        if not origin.to and not self._admits(result, origin, record):
            return []
        if isinstance(result, Progress):
            # Whoever publishes this audio may be here and wait for its end.
            ended = [Answer(result, origin)] if result.over and is_live else []
            return [Heard(result, at), *ended]
        if isinstance(result, Failure | Verdict | Offer | Detection) or _is_answer(result):
            return events
        if result.channel != record.key:
            raise Malformed("channel", shorten(result.channel), "the record's key")
        fresh = self._fresh(result, record, at)
        if fresh is not None and (is_kept if is_durable(fresh) else is_live):
            events.append(self._deliver(fresh, origin, record, at, is_live))
        return events

    def skip(self, truncation: Truncation) -> None:
        """Retention took records before they were read."""
        self._opened.skip(truncation.log, truncation.end)

    def resume(self, channel: str, wanted: Filter, since: str | None) -> Resumption:
        """Where a subscription begins. Raises Malformed, and Unavailable before `open`."""
        if self._positions is None:
            raise Unavailable("results are not read yet, expected them soon")
        partition = self._partition_of(channel)
        here = Cursor(self._identity, partition, self._positions.start(partition))
        if since is None:
            return Resumption(here, True, [])
        asked = decode_cursor(since)
        replay = self._since(asked, channel, wanted) if asked[:2] == here[:2] else None
        if replay is None:
            return Resumption(here, False, [])
        return Resumption(asked, True, [each for each in replay if wanted.admits(each.message)])

    def captions_read(self, channel: str) -> int:
        """The next offset of the channel's log of finals: all before it has been read."""
        return self.here(channel).offsets.captions

    def here(self, channel: str) -> Cursor:
        """Where a subscriber that has seen everything stands now."""
        partition = self._partition_of(channel)
        return Cursor(self._identity, partition, self._opened.start(partition))

    def recent(self, channel: str) -> list[Fact]:
        """What the channel's ring holds, oldest first."""
        history = self._channels.history(channel)
        return history.messages() if history else []

    def expire(self, now: float) -> None:
        """Forget what is too old, unused or too much."""
        self._raise_floors(self._channels.expire(now))

    def statistics(self) -> dict[str, float]:
        return {
            **self._channels.statistics(),
            "repeats": self.repeats,
            "fenced": self.fence.dropped,
        }

    @property
    def _opened(self) -> Positions:
        assert self._positions is not None
        return self._positions

    def _admits(self, result: Result, origin: Origin, record: Record) -> bool:
        at, voice = record.timestamp, voice_of(result)
        return self.fence.admits(record.log, origin.owner, at, voice)

    def _fresh(self, fact: Fact, record: Record, at: float) -> Fact | None:
        """The fact, or None where it came before."""
        channel, forgotten = self._channels.use(record.key, record.log.partition, at)
        self._raise_floors(forgotten)
        if channel.sequence.admits(fact):
            return fact
        self.repeats += 1
        return None

    def _raise_floors(self, forgotten: list[Forgotten]) -> None:
        for partition, offsets in forgotten:
            self._opened.raise_floor(partition, offsets)

    def _deliver(
        self, fact: Fact, origin: Origin, record: Record, at: float, is_live: bool
    ) -> Delivery:
        """The fact as it goes out and, where it must not be lost, into the ring."""
        log = record.log
        is_ordered = is_durable(fact) and log.topic in ORDERED
        cursor = Cursor(self._identity, log.partition, self._opened.read(log.partition))
        delivery = Delivery(
            message=_stamp(fact, origin, record, at, cursor if is_ordered else None),
            place=ORDERED.index(log.topic) if is_ordered else LOOSE,
            offset=record.offset,
            cursor=cursor,
            at=at,
            size_bytes=len(record.value),
            live=is_live,
        )
        if is_ordered:
            self._channels.keep(record.key, delivery)
        return delivery

    def _since(self, asked: Cursor, channel: str, wanted: Filter) -> list[Delivery] | None:
        places = wanted.places()
        read, floor = self._opened.start(asked.partition), self._opened.floor(asked.partition)
        if any(
            mine + self.limits.ahead < theirs
            for mine, theirs in zip(read, asked.offsets, strict=True)
        ):
            return None
        if any(asked.offsets[place] < floor[place] for place in places):
            return None
        history = self._channels.history(channel)
        return history.since(asked.offsets, places) if history else []


def merge_cursor(delivery: Delivery, start: Offsets) -> Fact:
    """The message for a subscriber that stands at `start`, ahead of this gateway in some log."""
    offsets = delivery.cursor.offsets.merge(start)
    return replace(
        delivery.message, cursor=encode_cursor(delivery.cursor._replace(offsets=offsets))
    )


def _is_answer(fact: Fact) -> bool:
    """A translation that somebody asked for belongs to no channel's flow."""
    return isinstance(fact, Translation) and bool(fact.id)


def _stamp(fact: Fact, origin: Origin, record: Record, at: float, cursor: Cursor | None) -> Fact:
    """Add what only the gateway knows: latency to here, lateness, the cursor."""
    if isinstance(fact, Caption | Translation):
        latency = replace(
            fact.latency,
            fanout_ms=round(max(0.0, at - record.timestamp) * 1000, 3),
            total_ms=round(max(0.0, at - origin.arrived) * 1000, 3),
        )
        fact = replace(fact, latency=latency, late=fact.late or at > origin.deadline)
    return fact if cursor is None else replace(fact, cursor=encode_cursor(cursor))
