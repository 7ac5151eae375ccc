"""Stopping clients in bounded time.

aiokafka has no bounded stop: with the broker away, `stop` may wait for it for ever. And a client
that is closed while it connects to learn who leads a log leaves that connection open. So: wait for
both, but not longer than allowed; then close the connections under it and end its tasks.
"""

from __future__ import annotations

import asyncio

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError


async def abandon_consumer(consumer: AIOKafkaConsumer, wait_s: float) -> None:
    """Stop it, waiting at most `wait_s`."""
    try:
        async with asyncio.timeout(wait_s):
            await consumer._client._maybe_wait_metadata()
            await consumer.stop()
    except (TimeoutError, KafkaError):
        consumer._closed = True
        await consumer._client.close()
        for name in ("_coordination_task", "_heartbeat_task", "_commit_refresh_task"):
            if (task := getattr(consumer._coordinator, name, None)) is not None:
                task.cancel()
                await asyncio.wait([task])
        if consumer._fetcher is not None:
            await consumer._fetcher.close()


async def abandon_producer(producer: AIOKafkaProducer, wait_s: float) -> None:
    """Stop it, waiting at most `wait_s` for the records that it holds; the rest fail."""
    try:
        async with asyncio.timeout(wait_s):
            await producer.client._maybe_wait_metadata()
            await producer.stop()
    except (TimeoutError, KafkaError):
        producer._closed = True
        await producer.client.close()
        producer._message_accumulator.fail_all(KafkaError("abandoned"))
        await producer._sender.close()
