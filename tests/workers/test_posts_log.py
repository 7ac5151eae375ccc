"""A producer writes posts to the log itself, and reads its verdicts there: on every kind of bus."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import orjson
import pytest

from stream.core import wire
from stream.core.messages import Action, Review, Verdict
from stream.core.records import Log, Topic
from stream.ports import Bus, Reader
from tests.support.broker import mock_settings, new_prefix, real_settings
from tests.support.judging import judging
from tests.support.worlds import World, kafka_world, memory_world, read_some

ALL = [
    "memory",
    pytest.param("mock", marks=pytest.mark.kafka),
    pytest.param("kafka", marks=[pytest.mark.kafka, pytest.mark.slow]),
]


@pytest.fixture(params=ALL)
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    kind = request.param
    async with AsyncExitStack() as stack:
        if kind == "memory":
            yield await stack.enter_async_context(memory_world())
            return
        address = request.getfixturevalue("kafka" if kind == "kafka" else "mock_cluster")
        settings = (real_settings if kind == "kafka" else mock_settings)(address, new_prefix())
        yield await stack.enter_async_context(kafka_world(kind, settings))


async def produce(bus: Bus, **fields: Any) -> None:
    await bus.publish(Topic.POSTS, "shop", orjson.dumps({"channel": "shop", **fields}), {})


async def tail(bus: Bus, topic: Topic) -> Reader:
    return await bus.tail([Log(topic, partition) for partition in range(bus.partitions)], 0.0)


async def test_each_post_gets_a_verdict_and_moderators_hear_of_what_does_not_pass(
    world: World,
) -> None:
    bus = await world.connect()
    verdicts, events, letters = [
        await tail(bus, topic) for topic in (Topic.VERDICTS, Topic.EVENTS, Topic.DEAD_LETTERS)
    ]
    async with judging(bus):
        await produce(bus, id="1", text="good evening", budget_ms=60_000)
        await produce(bus, id="2", text="you sh1t", post="p", author="ann", budget_ms=60_000)
        await produce(bus, id="3")
        records = await read_some(verdicts, 2)
        found = [wire.decode_result(record)[0] for record in records]
        assert [record.key for record in records] == ["shop", "shop"]
        good, rude = (each for each in found if isinstance(each, Verdict))
        assert (good.id, good.action, good.degraded) == ("1", Action.ALLOW, False)
        assert (rude.id, rude.action) == ("2", Action.REVIEW)
        assert "offensive 0.66 >= review 0.50" in rude.reasons
        (told,) = await read_some(events, 1)
        review = wire.decode_result(told)[0]
        assert isinstance(review, Review)
        assert (review.post, review.author) == ("p", "ann")
        (letter,) = await read_some(letters, 1)
        assert b"text is missing" in letter.headers["error"]
    for reader in (verdicts, events, letters):
        await reader.close()
