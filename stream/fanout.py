"""Results to subscribers: reads the result logs and tells everybody what is new to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from stream.core import wire
from stream.core.cursor import ORDERED, Offsets, encode_cursor
from stream.core.errors import Malformed
from stream.core.history import LOOSE, Delivery
from stream.core.hub import Filter, Hub, Subscription
from stream.core.messages import (
    Caption,
    Fact,
    Message,
    Stale,
    Subscribed,
    Translation,
)
from stream.core.outbox import Item, item_of
from stream.core.records import Origin, Record, Result, Truncation
from stream.core.requests import Subscribe
from stream.core.results import Answer, Heard, ResultLimits, Results, Resumption, merge_cursor
from stream.core.staleness import Staleness
from stream.core.stats import Counts, Histogram
from stream.ports import Bus, Clock, Peer
from stream.tail import Tail, TailLimits
from stream.writer import Writer, WriterLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class FanoutLimits:
    """`turn_s`: work between two turns of other tasks; `tick_s`: between two looks at ages and
    silences; `silence_s`: after which a live channel is stale.
    """

    turn_s: float = 0.002
    tick_s: float = 0.5
    silence_s: float = 3.0
    results: ResultLimits = field(default_factory=ResultLimits)
    tail: TailLimits = field(default_factory=TailLimits)
    writer: WriterLimits = field(default_factory=WriterLimits)


class Fanout:
    """Serves all subscribers of one gateway.

    `frame` makes a finished frame of a message's JSON, the same for all peers; `answers` is told
    what is addressed to this gateway, `name`, and which audio is over. Only `run` waits: everything
    else is done at once, so that what a subscriber gets has one order. `ready` is set once all that
    lay in the logs has been read; until then cursors from before are not recovered.
    """

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        name: str,
        frame: Callable[[bytes], bytes],
        answers: Callable[[Result, Origin], None],
        limits: FanoutLimits | None = None,
    ) -> None:
        self.limits = limits or FanoutLimits()
        self.latencies: dict[str, Histogram] = {}
        self._bus = bus
        self._clock = clock
        self._frame = frame
        self._answers = answers
        self.results = Results(bus.identity, name, bus.partition_of, self.limits.results)
        self._tail = Tail(bus, clock, self.results, self, self.limits.tail)
        self._hub: Hub[Peer] = Hub()
        self._writer = Writer(clock, self._hub.forget, self.limits.writer)
        self._staleness = Staleness(self.limits.silence_s)
        self._counts = Counts()

    @property
    def ready(self) -> asyncio.Event:
        """Set once all that lay in the logs has been read."""
        return self._tail.ready

    async def run(self) -> None:
        """Read and write until cancelled; a bus that is away is tried again and again."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tail.run(), name="fanout: read")
            tasks.create_task(self._tick_forever(), name="fanout: tick")
            tasks.create_task(self._writer.run(), name="fanout: write")

    def subscribe(self, peer: Peer, request: Subscribe, moderator: bool) -> Subscribed:
        """Answer, replay and join, in this order and at once.

        A replay for which the outbox has no room is none: `recovered` is then false. Raises
        Malformed for what is no cursor, Unavailable before the logs' ends are known.
        """
        wanted = Filter.of(request, moderator)
        resumed = self.results.resume(request.channel, wanted, request.since)
        start = resumed.cursor.offsets
        items = [self._item_at(delivery, start) for delivery in resumed.replay]
        if not peer.outbox.has_room(sum(len(item.frame) for item in items)):
            resumed, items = Resumption(self.results.here(request.channel), False, []), []
        answer = Subscribed(
            id=request.id,
            channel=request.channel,
            cursor=encode_cursor(resumed.cursor),
            recovered=resumed.recovered,
            moderator=moderator,
        )
        self._hub.join(request.channel, Subscription(peer, wanted, resumed.cursor.offsets))
        self.send(peer, answer)
        for item in items:
            self._writer.answer(peer, item)
        stale = self._staleness.of(request.channel, self._clock.now())
        if stale is not None and wanted.admits(stale):
            self.send(peer, stale)
        return answer

    def unsubscribe(self, peer: Peer, channel: str) -> None:
        """Nothing more of the channel comes; what must arrive and waits already still does."""
        self._hub.leave(channel, peer)
        self._writer.leave(peer, channel)

    def send(self, peer: Peer, message: Message) -> None:
        """Answer one peer, in the order of all that it gets."""
        self._writer.answer(peer, self._encode(message))

    def drain(self, peer: Peer) -> None:
        """The peer has become writable."""
        self._writer.drain(peer)

    def forget(self, peer: Peer) -> None:
        """The peer is gone."""
        self._hub.forget(peer)
        self._writer.forget(peer)

    def captions_read(self, channel: str) -> int:
        """The offset up to which the channel's log of finals has been read and put to peers."""
        return self.results.captions_read(channel)

    def recent(self, channel: str) -> list[Fact]:
        """The finals and events that a channel's ring holds, oldest first."""
        return self.results.recent(channel)

    def tick(self) -> None:
        """Look at ages and silences."""
        now = self._clock.now()
        self.results.expire(now)
        for stale in self._staleness.tick(now):
            self._tell(stale)
        self._writer.check(now)

    def statistics(self) -> dict[str, float]:
        return {
            **self._hub.statistics(),
            **self.results.statistics(),
            **self._writer.statistics(),
            "live_channels": len(self._staleness),
            **self._tail.statistics(),
            **self._counts,
        }

    async def _tick_forever(self) -> None:
        while True:
            await asyncio.sleep(self.limits.tick_s)
            self.tick()

    async def receive(self, records: Collection[Record]) -> None:
        """Route records; others get a turn whenever that has been much work."""
        began = self._clock.now()
        for record in records:
            self._route(record)
            if self._clock.now() - began > self.limits.turn_s:
                await asyncio.sleep(0)
                began = self._clock.now()

    def _route(self, record: Record) -> None:
        try:
            events = self.results.receive(record, self._clock.now())
        except Malformed:
            self._counts.add("poison")
            return
        self._counts.add("records")
        for event in events:
            match event:
                case Answer(result, origin):
                    self._answers(result, origin)
                case Heard(progress, at):
                    if (over := self._staleness.progress(progress, at)) is not None:
                        self._tell(over)
                case Delivery():
                    self._deliver(event)

    def _deliver(self, delivery: Delivery) -> None:
        """To all who want it and have not seen it."""
        self._observe(delivery)
        offsets = delivery.cursor.offsets
        furthest = self._hub.furthest(delivery.message.channel)
        if delivery.place == LOOSE or (_is_new(delivery, furthest) and offsets.covers(furthest)):
            self._tell(delivery.message, lambda: self._item_at(delivery, furthest))
            return
        for group in self._hub.route(delivery.message):
            for peer, subscription in tuple(group.subscriptions.items()):
                if _is_new(delivery, subscription.start):
                    self._writer.put((peer,), self._item_at(delivery, subscription.start))

    def _tell(self, message: Fact | Stale, item: Callable[[], Item] | None = None) -> None:
        """To all who want it; encoded only if there are any."""
        for group in self._hub.route(message):
            self._writer.put(group.peers, item() if item else self._encode(message))

    def _item_at(self, delivery: Delivery, start: Offsets) -> Item:
        """The frame that all get; one of its own for a subscriber that is ahead in some log."""
        if delivery.place != LOOSE and not delivery.cursor.offsets.covers(start):
            return self._encode(merge_cursor(delivery, start))
        if delivery.item is None:
            delivery.item = self._encode(delivery.message)
        return delivery.item

    def _encode(self, message: Message) -> Item:
        return item_of(message, self._frame(wire.encode_message(message)))

    def _observe(self, delivery: Delivery) -> None:
        message = delivery.message
        if delivery.live and isinstance(message, Caption | Translation):
            kind = f"{type(message).__name__.lower()}_{'final' if message.final else 'partial'}"
            self.latencies.setdefault(kind, Histogram()).observe(message.latency.total_ms)
            self._counts.add(f"{kind}_late", message.late)

    def lose(self, truncation: Truncation) -> None:
        """Retention was faster than this gateway: tell those who have missed something."""
        self._counts.add("lost_records", truncation.end - truncation.start)
        if truncation.log.topic not in ORDERED:
            return
        for channel in self._hub.channels():
            if self._bus.partition_of(channel) == truncation.log.partition:
                cursor = encode_cursor(self.results.here(channel))
                told = Subscribed(id=None, channel=channel, cursor=cursor, recovered=False)
                for subscription in self._hub.subscriptions(channel):
                    self.send(subscription.peer, told)


def _is_new(delivery: Delivery, start: Offsets) -> bool:
    return delivery.offset >= start[delivery.place]
