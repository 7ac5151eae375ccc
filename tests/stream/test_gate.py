"""The gate answers in time without workers, without a bus, and behind a busy bus."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

import pytest

from stream.core import wire
from stream.core.errors import Overloaded, Refused
from stream.core.messages import Action, Decision, Post, Retract, Review, Rung, Verdict
from stream.core.policies import PolicyChange
from stream.core.records import Log, Record, Settings, Topic
from stream.core.requests import Decide
from stream.core.requests import Gate as Request
from stream.core.settings import ChannelSettings
from stream.gate import Gate, Lag
from stream.ports import Reader
from tests.support import virtual
from tests.support.askers import FailingBus, KeptAsker


class House:
    """A gate on a bus; `read` gives what lies in a topic."""

    def __init__(self) -> None:
        clock = virtual.VirtualClock()
        self.bus = FailingBus(clock, "here", partitions=1)
        settings = ChannelSettings()
        settings.put(Settings(channel="lax", policy=PolicyChange(late="allow")))
        self.gate = Gate(self.bus, clock, "gw", settings)
        self.asker = KeptAsker()

    def ask(self, id: str = "1", channel: str = "demo", budget_ms: int = 100) -> None:  # noqa: A002
        request = Request(
            id=id, channel=channel, text="hi", post=f"p{id}", publish=True, budget_ms=budget_ms
        )
        self.gate.ask(request, self.asker)

    async def verdict(self) -> Verdict:
        async with asyncio.timeout(10):
            await self.asker.told.wait()
        (verdict,) = self.asker.messages
        assert isinstance(verdict, Verdict)
        return verdict

    async def read(self, topic: Topic) -> tuple[Record, ...]:
        reader: Reader = await self.bus.tail([Log(topic, 0)], 1e9)
        return (await reader.read(100, 5.0)).records

    async def event(self) -> object:
        (record,) = await self.read(Topic.EVENTS)
        return wire.decode_result(record)[0]


def in_house(test: Callable[[House], Awaitable[None]]) -> None:
    """Run in virtual time, with the gate's task as it is in a gateway."""

    async def main() -> None:
        house = House()
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(house.gate.run())
            await test(house)
            running.cancel()

    virtual.run(main())


def test_the_workers_are_asked_and_their_verdict_is_told() -> None:
    async def test(house: House) -> None:
        house.ask()
        (record,) = await house.read(Topic.POSTS)
        job = wire.decode_post(record)
        assert (job.text, job.gateway) == ("hi", "gw")
        house.gate.answer(
            Verdict(id=job.id, channel="demo", action=Action.ALLOW, rung=Rung.VERIFIED)
        )
        verdict = await house.verdict()
        assert (verdict.id, verdict.action, verdict.degraded) == ("1", Action.ALLOW, False)
        assert await house.event() == Post(channel="demo", post="p1", author="", text="hi")

    in_house(test)


@pytest.mark.parametrize("fault", ["", "full", "gone", "silent"])
@pytest.mark.parametrize("budget_ms", [10, 100, 60_000])
def test_without_workers_or_bus_the_policy_answers_in_time(fault: str, budget_ms: int) -> None:
    async def test(house: House) -> None:
        house.bus.fault = fault
        began = asyncio.get_running_loop().time()
        house.ask(budget_ms=budget_ms)
        async with asyncio.timeout(100):
            await house.asker.told.wait()
        verdict = await house.verdict()
        assert (verdict.action, verdict.degraded, verdict.late) == (Action.REVIEW, True, False)
        assert house.asker.times[0] - began <= budget_ms / 1000
        assert house.gate.statistics()["gate"]["unsent"] == (fault in {"full", "gone"})

    in_house(test)


def test_a_closed_bus_changes_nothing_for_who_asks() -> None:
    async def test(house: House) -> None:
        await house.bus.close()
        house.ask()
        assert (await house.verdict()).degraded

    in_house(test)


@pytest.mark.parametrize("fault", ["full", "gone"])
def test_events_wait_for_the_bus_and_keep_their_order(fault: str) -> None:
    async def test(house: House) -> None:
        house.bus.fault = fault
        for number in range(3):
            house.ask(str(number), channel="lax")
        await asyncio.sleep(1.0)
        assert house.gate.statistics()["events"]["waiting"] == 3
        house.bus.fault = ""
        await house.gate.wait_written()
        records = await house.read(Topic.EVENTS)
        found = [wire.decode_result(record)[0] for record in records]
        assert [getattr(event, "post", "") for event in found] == ["p0", "p1", "p2"]

    in_house(test)


def test_a_late_block_takes_the_post_back() -> None:
    async def test(house: House) -> None:
        house.ask(channel="lax")
        assert (await house.verdict()).action is Action.ALLOW
        (record,) = await house.read(Topic.POSTS)
        job = wire.decode_post(record)
        late = Verdict(id=job.id, channel="lax", action=Action.BLOCK, rung=Rung.VERIFIED)
        house.gate.answer(late)
        await house.gate.wait_written()
        events = [wire.decode_result(record)[0] for record in await house.read(Topic.EVENTS)]
        assert len(events) == 2
        assert isinstance(events[0], Post)
        assert isinstance(events[1], Retract)

    in_house(test)


def test_a_moderators_word_goes_through_the_log() -> None:
    async def test(house: House) -> None:
        house.ask()
        assert (await house.verdict()).action is Action.REVIEW
        await house.gate.wait_written()
        (record,) = await house.read(Topic.EVENTS)
        assert isinstance(wire.decode_result(record)[0], Review)
        house.gate.learn(record)
        moderator = KeptAsker()
        house.gate.decide(
            Decide(id="d", channel="demo", post="p1", action="allow"), "mia", moderator
        )
        await house.gate.wait_written()
        assert moderator.messages == []
        house.gate.learn((await house.read(Topic.EVENTS))[-1])
        await house.gate.wait_written()
        (decided,) = moderator.messages
        assert isinstance(decided, Decision)
        assert (decided.id, decided.by, decided.action) == ("d", "mia", Action.ALLOW)
        assert [type(message) for message in house.asker.messages] == [Verdict, Decision]
        last = (await house.read(Topic.EVENTS))[-1]
        assert wire.decode_result(last)[0] == Post(channel="demo", post="p1", author="", text="hi")

    in_house(test)


def test_a_decision_needs_room_and_a_post_that_waits() -> None:
    async def test(house: House) -> None:
        request = Decide(channel="demo", post="p1", action="allow")
        with pytest.raises(Refused, match="not in review"):
            house.gate.decide(request, "mia", house.asker)
        house.bus.fault = "full"
        for number in range(10_000):
            house.ask(str(number), budget_ms=10)
        await asyncio.sleep(0.1)
        with pytest.raises(Overloaded):
            house.gate.decide(request, "mia", house.asker)

    in_house(test)


def test_lag_is_what_it_was_at_worst_fades_and_is_bounded() -> None:
    lag, worst = Lag(), []
    for late_s, now in ((0.02, 1.0), (0.01, 1.05), (-0.01, 2.0), (5.0, 3.0)):
        lag.note(late_s, now)
        worst.append(lag.worst_s)
    assert worst == pytest.approx([0.02, 0.015, 0.0, Lag.LONGEST_S])


def test_behind_a_busy_loop_the_policy_answers_sooner_so_that_answers_come_in_time() -> None:
    """The loop's turns take longer than the guard: only the first answers can be late."""

    async def test(house: House) -> None:
        loop = cast(virtual.VirtualLoop, asyncio.get_running_loop())
        askers = []
        for count in range(100):
            house.asker = KeptAsker()
            askers.append((house.asker, loop.time()))
            house.ask(id=str(count))
            loop.spend(0.028)
            await asyncio.sleep(0)
        await asyncio.sleep(1)
        took = [asker.times[0] - asked for asker, asked in askers]
        assert max(took[:5]) > 0.1
        assert max(took[5:]) <= 0.1
        assert min(took) > 0.04

    in_house(test)
