"""Resuming, from any cursor and on any gateway, is complete or says that it isn't."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from stream.core.channels import ChannelLimits
from stream.core.cursor import ORDERED, Offsets, decode_cursor
from stream.core.history import HistoryLimits
from stream.core.messages import Caption, Fact, Message, Pong, Post, Subscribed, Translation
from stream.core.outbox import OutboxLimits
from stream.core.positions import RESULTS
from stream.core.records import Log, Record
from stream.core.requests import Subscribe
from stream.core.results import ResultLimits
from stream.fanout import Fanout, FanoutLimits
from tests.support.buses import still_bus
from tests.support.facts import CHANNEL, caption, post, record, translation
from tests.support.peers import KeptPeer, frame

HISTORY_S = 6.0
GATEWAYS = 3
PLACES = range(len(ORDERED))
PATIENT = OutboxLimits(age_s=1e9)


class Write(NamedTuple):
    """New facts in the ordered logs."""

    places: list[int]


class Repeat(NamedTuple):
    """One of the last facts is written again, as after a crash."""

    back: int


class Start(NamedTuple):
    """A gateway starts anew and reads back."""

    gateway: int


class Read(NamedTuple):
    """A gateway reads on in one log."""

    gateway: int
    place: int
    records: int


class Connect(NamedTuple):
    """The subscriber, to which the last `unread` messages got lost, goes to a gateway."""

    gateway: int
    unread: int


class Said(NamedTuple):
    """Where and when a fact was first written."""

    fact: Fact
    place: int
    offset: int
    at: float


class World:
    """Three logs of one partition, and the time: the number of records written."""

    def __init__(self) -> None:
        self.logs: dict[int, list[Record]] = {place: [] for place in PLACES}
        self.said: list[Said] = []

    def now(self) -> float:
        return float(sum(map(len, self.logs.values())))

    def write(self, place: int) -> None:
        name = f"e-{len(self.said)}"
        facts = caption(name, final=True), translation(name, final=True), post(name)
        self.said.append(Said(facts[place], place, len(self.logs[place]), self.now()))
        self._append(place, facts[place])

    def repeat(self, back: int) -> None:
        """Not later than what a gateway reads back for this; later nobody could know it."""
        said = self.said[-back] if back <= len(self.said) else None
        if said is not None and self.now() - said.at < HISTORY_S:
            self._append(said.place, said.fact)

    def _append(self, place: int, fact: Fact) -> None:
        log = self.logs[place]
        log.append(record(fact, Log(ORDERED[place], 0), len(log), timestamp=self.now()))


class Gateway:
    """A fan-out that is told by the test what it reads."""

    def __init__(self, world: World) -> None:
        history = HistoryLimits(age_s=HISTORY_S)
        limits = ResultLimits(channels=ChannelLimits(history=history))
        self.fanout = Fanout(
            still_bus(), world, "g", frame, lambda *_: None, FanoutLimits(results=limits)
        )
        self._world = world
        ends = {Log(topic, 0): 0 for topic in RESULTS}
        ends |= {Log(ORDERED[place], 0): len(world.logs[place]) for place in PLACES}
        self.fanout.results.open(ends, world.now())
        since = world.now() - limits.back_s
        self._next = [
            next((each.offset for each in world.logs[place] if each.timestamp >= since), end)
            for place, end in ((place, len(world.logs[place])) for place in PLACES)
        ]

    async def read(self, place: int, records: int) -> None:
        found = self._world.logs[place][self._next[place] :][:records]
        self._next[place] += len(found)
        await self.fanout.receive(found)
        if all(self._next[each] == len(self._world.logs[each]) for each in PLACES):
            self.fanout.results.settle()

    async def read_all(self) -> None:
        for place in PLACES:
            await self.read(place, len(self._world.logs[place]))


class Subscriber:
    """Goes from gateway to gateway with the cursor of what it read last."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.base = Offsets()
        self._cursor: str | None = None
        self._peer = KeptPeer(PATIENT)
        self._gateway: Gateway | None = None

    def connect(self, gateway: Gateway, unread: int) -> None:
        self.read(unread)
        if self._gateway is not None:
            self._gateway.fanout.forget(self._peer)
        self._gateway, self._peer = gateway, KeptPeer(PATIENT)
        request = Subscribe(channel=CHANNEL, since=self._cursor)
        gateway.fanout.subscribe(self._peer, request, moderator=False)

    def read(self, unread: int = 0) -> None:
        if self._gateway is not None:
            self._gateway.fanout.send(self._peer, Pong(id=None))  # it follows all that came
            self._gateway.fanout.drain(self._peer)
            *messages, _ = self._peer.messages()
            for message in messages[: len(messages) - unread]:
                self._take(message)
            self._peer.writes.clear()

    def _take(self, message: Message) -> None:
        if isinstance(message, Subscribed):
            if self._cursor is None or not message.recovered:
                self._cursor = message.cursor
                self.base = decode_cursor(message.cursor).offsets
                self.facts.clear()
            return
        assert isinstance(message, Caption | Translation | Post)
        assert isinstance(message.cursor, str)
        self._cursor = message.cursor
        self.facts.append(message)


PLACE = st.sampled_from(PLACES)
GATEWAY = st.integers(0, GATEWAYS - 1)
WRITES = st.builds(Write, st.lists(PLACE, min_size=1, max_size=6))
READS = st.builds(Read, GATEWAY, PLACE, st.integers(1, 12))
CONNECTS = st.builds(Connect, GATEWAY, st.integers(0, 6))
REPEATS = st.builds(Repeat, st.integers(1, 8))
STARTS = st.builds(Start, GATEWAY)
STEPS = st.lists(
    st.one_of(WRITES, READS, READS, READS, CONNECTS, CONNECTS, REPEATS, STARTS),
    min_size=10,
    max_size=50,
)


async def play(steps: list[Write | Repeat | Start | Read | Connect]) -> None:
    world, subscriber = World(), Subscriber()
    gateways = [Gateway(world) for _ in range(GATEWAYS)]
    connected = 0
    subscriber.connect(gateways[0], 0)
    for step in steps:
        match step:
            case Write(places):
                for place in places:
                    world.write(place)
            case Repeat(back):
                world.repeat(back)
            case Read(number, place, records):
                await gateways[number].read(place, records)
            case Connect(number, unread):
                connected = number
                subscriber.connect(gateways[number], unread)
            case Start(number):
                gateways[number] = Gateway(world)
                if number == connected:
                    subscriber.connect(gateways[number], 0)
    await gateways[connected].read_all()
    subscriber.read()
    for place in PLACES:
        expected = [
            name_of(said.fact)
            for said in world.said
            if said.place == place and said.offset >= subscriber.base[place]
        ]
        kind = (Caption, Translation, Post)[place]
        names = [name_of(fact) for fact in subscriber.facts if isinstance(fact, kind)]
        assert names == expected


def name_of(fact: Fact) -> str:
    return fact.post if isinstance(fact, Post) else getattr(fact, "segment", "")


@settings(max_examples=300)
@given(STEPS)
def test_what_follows_a_cursor_comes_once_and_whole_or_the_subscriber_is_told(
    steps: list[Write | Repeat | Start | Read | Connect],
) -> None:
    asyncio.run(play(steps))
