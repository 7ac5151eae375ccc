"""Two gateways on a real Kafka: what one is told, the other knows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from stream.core.messages import Action, Rung, Verdict
from stream.core.records import PostJob, Progress, Topic
from tests.support.broker import new_prefix, real_settings
from tests.support.facts import CHANNEL, caption
from tests.support.served import Served, moderating, served
from tests.support.worlds import kafka_world

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


@pytest.fixture
async def houses(kafka: str) -> AsyncIterator[list[Served]]:
    async with AsyncExitStack() as stack:
        settings = real_settings(kafka, new_prefix())
        world = await stack.enter_async_context(kafka_world("kafka", settings))
        buses = [await world.connect() for _ in range(2)]
        yield [await stack.enter_async_context(served(bus)) for bus in buses]


def hold(job: PostJob) -> Verdict:
    return Verdict(id=job.id, channel=job.channel, action=Action.REVIEW, rung=Rung.DRAFT)


async def test_a_moderator_decides_on_another_gateway(houses: list[Served]) -> None:
    here, there = houses
    async with (
        here.speaker() as asker,
        there.speaker() as moderator,
        moderating(here, hold),
    ):
        await moderator.ask("subscribed", type="subscribe", channel="chat")
        gate = {"type": "gate", "channel": "chat", "publish": True, "budget_ms": 10_000}
        held = await asker.ask("verdict", **gate, id="g", text="hm", post="p")
        assert (held["action"], held["degraded"]) == ("review", False)
        assert (await moderator.hear("review"))["text"] == "hm"
        decide = {"type": "decide", "channel": "chat", "post": "p", "action": "allow"}
        await moderator.ask("decision", **decide, id="d")
        assert (await asker.hear("decision"))["id"] == "g"
        assert (await moderator.hear("post"))["text"] == "hm"


async def test_settings_hold_on_every_gateway(houses: list[Served]) -> None:
    here, there = houses
    async with here.speaker() as moderator, there.speaker() as asker:
        policy = {"late": "block"}
        await moderator.ask("configured", type="configure", channel="chat", policy=policy)
        gate = {"type": "gate", "channel": "chat", "text": "hello", "budget_ms": 50}
        action, number = "review", 0
        while action == "review":  # until the other gateway has read the settings
            number += 1
            action = (await asker.ask("verdict", **gate, id=str(number)))["action"]
        assert action == "block"


async def test_audio_goes_in_and_captions_come_out(houses: list[Served]) -> None:
    here, there = houses
    async with here.speaker() as publisher, there.speaker() as subscriber:
        await subscriber.ask("subscribed", type="subscribe", channel=CHANNEL)
        opened = await publisher.ask("opened", type="open", channel=CHANNEL)
        await publisher.connection.send(bytes(3_200))
        await publisher.say(type="close", channel=CHANNEL, id="c")
        assert len(await here.read(Topic.AUDIO, 2)) == 2
        over = Progress(channel=CHANNEL, epoch=opened["epoch"], audio_end=0.1, over=True)
        await here.write(Topic.CAPTIONS, CHANNEL, caption(final=True))
        await here.write(Topic.PARTIALS, CHANNEL, over)
        assert (await publisher.hear("closed"))["id"] == "c"
        assert (await subscriber.hear("caption"))["final"]
