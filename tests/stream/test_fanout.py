from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from stream.adapters.memory import MemoryBus
from stream.core import wire
from stream.core.cursor import decode_cursor, encode_cursor
from stream.core.errors import BusGone, Malformed, TooSlow, Unavailable
from stream.core.messages import (
    Action,
    Caption,
    Pong,
    Rung,
    Stale,
    Subscribed,
    Verdict,
)
from stream.core.outbox import OutboxLimits
from stream.core.records import Batch, Log, Origin, Progress, Result, Topic, Truncation
from stream.core.requests import KINDS, Kind, Subscribe
from stream.fanout import Fanout, FanoutLimits
from stream.ports import Reader
from stream.tail import TailLimits
from tests.support.clocks import HandClock
from tests.support.facts import CHANNEL, caption, decision, origin, post, review, topic_of
from tests.support.peers import KeptPeer, frame

QUICK = FanoutLimits(tail=TailLimits(wait_s=0.001, reopen_s=(0.001, 0.001)))


class Gone:
    """A reader that fails once when it is told to."""

    def __init__(self, reader: Reader, bus: FragileBus) -> None:
        self._reader = reader
        self._bus = bus
        self.seek, self.close = reader.seek, reader.close

    async def read(self, limit: int, wait_s: float) -> Batch:
        if self._bus.failing:
            raise BusGone("broker is away")
        return await self._reader.read(limit, wait_s)


class FragileBus(MemoryBus):
    """A bus that can be away for readers, while others go on writing."""

    failing = False

    def __init__(self, clock: HandClock) -> None:
        super().__init__(clock, "bus", partitions=2)
        self.refused = asyncio.Event()

    async def tail(self, logs, back_s):  # type: ignore[no-untyped-def]
        if self.failing:
            self.refused.set()
            raise BusGone("broker is away")
        return Gone(await super().tail(logs, back_s), self)


class Gateway:
    """A fan-out on a bus of its own, and what it told of requests."""

    def __init__(self, limits: FanoutLimits = QUICK) -> None:
        self.clock = HandClock()
        self.bus = FragileBus(self.clock)
        self.answers: list[tuple[Result, Origin]] = []
        self.fanout = Fanout(
            self.bus, self.clock, "here", frame, lambda *told: self.answers.append(told), limits
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Gateway]:
        task = asyncio.create_task(self.fanout.run())
        try:
            await self.fanout.ready.wait()
            yield self
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def say(self, *results: Result, said_by: Origin | None = None) -> None:
        """Write results to their logs."""
        for result in results:
            value, headers = wire.encode_result(result, said_by or origin(arrived=1000.0))
            topic = Topic.PARTIALS if isinstance(result, Progress) else topic_of(result)
            await self.bus.publish(topic, CHANNEL, value, headers)

    def join(
        self,
        *kinds: Kind,
        since: str | None = None,
        moderator: bool = False,
        peer: KeptPeer | None = None,
    ) -> KeptPeer:
        peer = peer or KeptPeer()
        request = Subscribe(channel=CHANNEL, kinds=kinds or KINDS, since=since, id="s")
        self.fanout.subscribe(peer, request, moderator)
        return peer


async def test_a_subscriber_is_answered_and_then_gets_what_is_said() -> None:
    async with Gateway().running() as gateway:
        peer = gateway.join()
        await gateway.say(post("a"), post("b"), caption(final=True))
        first, *others = await peer.wait_messages(4)
    assert isinstance(first, Subscribed)
    assert (first.id, first.channel, first.recovered) == ("s", CHANNEL, True)
    assert {type(other).__name__ for other in others} == {"Post", "Caption"}
    [final] = [other for other in others if isinstance(other, Caption)]
    assert isinstance(final.cursor, str)


async def test_everybody_gets_the_same_bytes() -> None:
    async with Gateway().running() as gateway:
        peers = [gateway.join("posts") for _ in range(3)]
        await gateway.say(post("a"))
        for peer in peers:
            await peer.wait_messages(2)
    frames = {b"".join(peer.writes) for peer in peers}
    assert len(frames) == 1


async def test_who_resumes_gets_what_it_missed_before_what_is_new() -> None:
    async with Gateway().running() as gateway:
        peer = gateway.join("posts")
        await gateway.say(post("a"))
        _, first = await peer.wait_messages(2)
        gateway.fanout.forget(peer)
        witness = gateway.join("posts")
        await gateway.say(post("b"), post("c"))
        await witness.wait_messages(3)
        back = gateway.join("posts", since=getattr(first, "cursor", None))
        await gateway.say(post("d"))
        answer, *others = await back.wait_messages(4)
    assert isinstance(answer, Subscribed)
    assert answer.recovered
    assert answer.cursor == getattr(first, "cursor", None)
    assert [getattr(other, "post", None) for other in others] == ["b", "c", "d"]


async def test_a_replay_without_room_is_none_and_says_so() -> None:
    async with Gateway().running() as gateway:
        witness = gateway.join("posts")
        start = encode_cursor(gateway.fanout.results.here(CHANNEL))
        await gateway.say(post("a", "x" * 500))
        await witness.wait_messages(2)
        small = KeptPeer(OutboxLimits(limit_bytes=400))
        gateway.join("posts", since=start, peer=small)
        [answer] = await small.wait_messages(1)
    assert isinstance(answer, Subscribed)
    assert not answer.recovered
    assert decode_cursor(answer.cursor).offsets.events == 1


async def test_what_is_no_cursor_is_malformed() -> None:
    async with Gateway().running() as gateway:
        with pytest.raises(Malformed, match="since is 'yesterday', expected a cursor"):
            gateway.join(since="yesterday")


async def test_before_the_logs_are_known_nobody_subscribes() -> None:
    with pytest.raises(Unavailable):
        Gateway().join()


async def test_reviews_and_decisions_go_to_moderators() -> None:
    async with Gateway().running() as gateway:
        user, moderator = gateway.join(), gateway.join(moderator=True)
        await gateway.say(review("a"), decision("a", Action.ALLOW), post("a"))
        assert len(await moderator.wait_messages(4)) == 4
        assert len(await user.wait_messages(2)) == 2


async def test_after_leaving_nothing_more_comes() -> None:
    async with Gateway().running() as gateway:
        peer, witness = gateway.join("posts"), gateway.join("posts")
        gateway.fanout.unsubscribe(peer, CHANNEL)
        await gateway.say(post("a"))
        await witness.wait_messages(2)
        assert len(await peer.wait_messages(1)) == 1


async def test_an_answer_reaches_who_asked() -> None:
    verdict = Verdict(id="1", channel=CHANNEL, action=Action.ALLOW, rung=Rung.DRAFT)
    async with Gateway().running() as gateway:
        witness = gateway.join("posts")
        said_by = origin("w", arrived=1000.0, to="here")
        await gateway.say(verdict, said_by=said_by)
        await gateway.say(post("a"))
        await witness.wait_messages(2)
    assert gateway.answers == [(verdict, said_by)]


async def test_a_message_to_one_peer_keeps_its_place() -> None:
    async with Gateway().running() as gateway:
        peer = gateway.join("posts")
        gateway.fanout.send(peer, Pong(id="1"))
        gateway.fanout.send(peer, Pong(id="2"))
        _, *pongs = await peer.wait_messages(3)
    assert pongs == [Pong(id="1"), Pong(id="2")]


async def test_a_record_that_cannot_be_read_is_counted_and_passed() -> None:
    async with Gateway().running() as gateway:
        peer = gateway.join("posts")
        await gateway.bus.publish(Topic.EVENTS, CHANNEL, b"\xff", {})
        await gateway.say(post("a"))
        await peer.wait_messages(2)
        assert gateway.fanout.statistics()["poison"] == 1


async def test_a_silent_live_channel_is_stale_until_it_goes_on() -> None:
    async with Gateway().running() as gateway:
        peer = gateway.join("captions")
        await gateway.say(Progress(channel=CHANNEL, epoch="e", audio_end=1.0), caption())
        await peer.wait_messages(2)
        gateway.clock.time += 4
        gateway.fanout.tick()
        late = gateway.join("captions")
        assert (await peer.wait_messages(3))[2] == Stale(channel=CHANNEL, since_ms=4000)
        assert (await late.wait_messages(2))[1] == Stale(channel=CHANNEL, since_ms=4000)
        await gateway.say(Progress(channel=CHANNEL, epoch="e", audio_end=2.0))
        assert (await peer.wait_messages(4))[3] == Stale(channel=CHANNEL, since_ms=4000, over=True)


async def test_a_peer_that_does_not_read_is_closed_and_forgotten() -> None:
    async with Gateway().running() as gateway:
        slow = KeptPeer(OutboxLimits(limit_bytes=400))
        slow.open = False
        gateway.join("posts", peer=slow)
        witness = gateway.join("posts")
        await gateway.say(*(post(str(number)) for number in range(5)))
        await witness.wait_messages(6)
        assert isinstance(slow.closed, TooSlow)
        assert gateway.fanout.statistics()["peers"] == 1


async def test_what_is_said_while_the_bus_is_away_is_not_lost() -> None:
    async with Gateway().running() as gateway:
        peer = gateway.join("posts")
        await gateway.say(post("a"))
        await peer.wait_messages(2)
        gateway.bus.failing = True
        await gateway.say(post("b"), post("c"))
        await gateway.bus.refused.wait()
        gateway.bus.failing = False
        await gateway.say(post("d"))
        said = await peer.wait_messages(5)
    assert [getattr(each, "post", None) for each in said[1:]] == ["a", "b", "c", "d"]
    assert gateway.fanout.statistics()["bus_losses"] >= 2


async def test_what_retention_took_is_told_to_all_of_that_partition() -> None:
    async with Gateway().running() as gateway:
        peer = gateway.join("posts")
        partition = gateway.bus.partition_of(CHANNEL)
        truncation = Truncation(Log(Topic.EVENTS, partition), 0, 7)
        gateway.fanout.results.skip(truncation)
        gateway.fanout.lose(truncation)
        gateway.fanout.lose(Truncation(Log(Topic.EVENTS, 1 - partition), 0, 7))
        gateway.fanout.lose(Truncation(Log(Topic.PARTIALS, partition), 0, 7))
        _, told = await peer.wait_messages(2)
    assert isinstance(told, Subscribed)
    assert (told.id, told.recovered) == (None, False)
    assert decode_cursor(told.cursor).offsets.events == 7
    assert gateway.fanout.statistics()["lost_records"] == 21


async def test_latencies_are_observed_by_kind() -> None:
    async with Gateway().running() as gateway:
        peer = gateway.join("captions")
        gateway.clock.time += 0.5
        await gateway.say(caption(), caption("e-9", final=True))
        await peer.wait_messages(3)
        assert gateway.fanout.latencies["caption_partial"].count == 1
        assert gateway.fanout.latencies["caption_final"].quantile(1) == pytest.approx(500)
        assert gateway.fanout.statistics()["caption_final_late"] == 1
        [kept] = gateway.fanout.recent(CHANNEL)
    assert kept in peer.messages()
