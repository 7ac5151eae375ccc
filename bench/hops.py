"""The same two hops through Kafka by aiokafka alone: what a service on it takes at least.

A record of audio is sent, read, answered by a small record, and that is read: by plain producers
and consumers in one process, with the settings of ours and a consumer for each topic.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from secrets import token_hex

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from stream.adapters.kafka import KafkaSettings, create_topics
from stream.core.records import Topic

PARTITIONS = 12
ANSWER = bytes(300)


async def measure_hops(
    bootstrap: str, channels: int, piece: bytes, piece_s: float, seconds: float
) -> list[float]:
    """Milliseconds of each round, at the pace of so many channels."""
    settings = KafkaSettings(bootstrap=bootstrap, prefix=f"hops-{token_hex(4)}.")
    await create_topics(settings, PARTITIONS)
    audio, answers = settings.name(Topic.AUDIO), settings.name(Topic.PARTIALS)
    found: list[float] = []
    async with (
        _producer(bootstrap) as sender,
        _producer(bootstrap) as relay,
        _consumer(bootstrap, audio) as heard,
        _consumer(bootstrap, answers) as told,
        asyncio.TaskGroup() as tasks,
    ):
        reading = [
            tasks.create_task(_relay(heard, relay, answers)),
            tasks.create_task(_take(told, found)),
        ]
        began, step = time.monotonic(), piece_s / channels
        for number in range(int(seconds / step)):
            await asyncio.sleep(max(0.0, began + number * step - time.monotonic()))
            key = b"%r" % time.monotonic()
            await sender.send(audio, piece, key, partition=number % PARTITIONS)
        await asyncio.sleep(0.5)
        for task in reading:
            task.cancel()
    return found


async def _relay(heard: AIOKafkaConsumer, relay: AIOKafkaProducer, answers: str) -> None:
    while True:
        for messages in (await heard.getmany(timeout_ms=250)).values():
            for message in messages:
                await relay.send(answers, ANSWER, message.key, partition=message.partition)


async def _take(told: AIOKafkaConsumer, found: list[float]) -> None:
    while True:
        for messages in (await told.getmany(timeout_ms=250)).values():
            now = time.monotonic()
            found += ((now - float(message.key)) * 1000 for message in messages)


@asynccontextmanager
async def _producer(bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    async with AsyncExitStack() as stack:
        producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, linger_ms=0
        )
        yield await stack.enter_async_context(producer)


@asynccontextmanager
async def _consumer(bootstrap: str, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
    async with AsyncExitStack() as stack:
        consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, fetch_max_wait_ms=500)
        await stack.enter_async_context(consumer)
        places = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
        consumer.assign(places)
        for place in places:
            consumer.seek(place, 0)
        yield consumer
