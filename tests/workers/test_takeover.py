"""A new owner of a log: its claim first, then what was said before it."""

from __future__ import annotations

import pytest

from stream.adapters.clock import AnchoredClock
from stream.adapters.memory import MemoryBus
from stream.core import wire
from stream.core.messages import Rung
from stream.core.records import Claim, Log, Origin, Topic
from tests.support.facts import caption
from workers.captions import Captions
from workers.moderation import Moderation
from workers.ports import Card
from workers.role import Told
from workers.takeover import Takeover

LOG = Log(Topic.AUDIO, 1)


class Listener(Captions):
    """Captions that remember what they were told."""

    def adopt(self, log: Log, told: object) -> None:
        self.adopted = log, list(told)  # type: ignore[call-overload]


@pytest.fixture
async def bus() -> MemoryBus:
    return MemoryBus(AnchoredClock(), "here", partitions=2)


def listener(owner: str) -> Listener:
    return Listener(Card(name="t", task="captions", rungs=(Rung.DRAFT,)), owner)


async def records_of(bus: MemoryBus, topic: Topic) -> list[Told]:
    reader = await bus.tail([Log(topic, partition) for partition in range(2)], 1e9)
    records = (await reader.read(100, 0.01)).records
    assert all(record.log.partition == LOG.partition for record in records)
    return [Told(*wire.decode_result(record)) for record in records]


async def say(bus: MemoryBus, topic: Topic, text: str, owner: str) -> None:
    origin = Origin(owner=owner, arrived=0.0, budget_ms=200, settled=0)
    payload = wire.encode_result(caption(text=text, final=True), origin)
    await bus.publish(topic, "news", payload.value, payload.headers, partition=LOG.partition)


async def test_it_claims_the_logs_of_its_partition_and_only_those(bus: MemoryBus) -> None:
    role = listener("new")
    await Takeover(bus=bus, role=role, clock=AnchoredClock()).take(LOG)
    for topic in (Topic.CAPTIONS, Topic.PARTIALS):
        (told,) = await records_of(bus, topic)
        assert (told.result, told.origin.owner) == (Claim(owner="new"), "new")


async def test_it_is_told_all_that_stands_before_its_claim_in_order(bus: MemoryBus) -> None:
    for text in ("one", "two"):
        await say(bus, Topic.CAPTIONS, text, "old")
    await bus.publish(Topic.CAPTIONS, "news", b"nonsense", {}, partition=LOG.partition)
    role = listener("new")
    await Takeover(bus=bus, role=role, clock=AnchoredClock(), read=1).take(LOG)
    await say(bus, Topic.CAPTIONS, "too late", "old")
    log, told = role.adopted
    assert log == LOG
    assert [getattr(each.result, "text", None) for each in told] == ["one", "two", None]
    assert told[-1].result == Claim(owner="new")


async def test_what_a_zombie_said_does_not_count_not_even_when_it_is_the_owner_again(
    bus: MemoryBus,
) -> None:
    """Else a final that nobody heard would never be said: its audio counted as settled."""
    first, second = listener("one"), listener("two")
    await Takeover(bus=bus, role=first, clock=AnchoredClock()).take(LOG)
    await say(bus, Topic.CAPTIONS, "heard", "one")
    await Takeover(bus=bus, role=second, clock=AnchoredClock()).take(LOG)
    await say(bus, Topic.CAPTIONS, "said in its sleep", "one")
    await Takeover(bus=bus, role=first, clock=AnchoredClock()).take(LOG)
    _, told = first.adopted
    assert [each.result.text for each in told if hasattr(each.result, "text")] == ["heard"]


async def test_a_role_without_a_past_claims_nothing(bus: MemoryBus) -> None:
    role = Moderation(Card(name="t", task="moderation", rungs=(Rung.DRAFT,)), "new")
    await Takeover(bus=bus, role=role, clock=AnchoredClock()).take(Log(Topic.POSTS, 1))
    for topic in Topic:
        assert await records_of(bus, topic) == []
