"""Stopping clients in bounded time.

aiokafka has no bounded stop: with the broker away, `stop` may wait for it for ever. And a client
that is closed while it connects to learn who leads a log leaves that connection open. So: wait for
both, but not longer than allowed; then cut the client off and end its tasks, which find that there
is nothing left to wait for. All of this reaches into aiokafka 0.14, and only here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError


async def abandon_consumer(consumer: AIOKafkaConsumer, wait_s: float) -> None:
    """Stop it, waiting at most `wait_s`."""

    async def stop() -> None:
        await consumer._client._maybe_wait_metadata()
        await consumer.stop()

    if await _ends(stop(), wait_s):
        return
    consumer._closed = True
    await _cut_off(consumer._client)
    for name in ("_coordination_task", "_heartbeat_task", "_commit_refresh_task"):
        await _end([getattr(consumer._coordinator, name, None)])
    if consumer._fetcher is not None:
        await _end(consumer._fetcher._pending_tasks)
        await _ends(consumer._fetcher.close(), wait_s)


async def _ends(work: Coroutine[Any, Any, None], wait_s: float) -> bool:
    """True where it ends well in time.

    In a task of its own: aiokafka awaits tasks that it has cancelled, which cancels whoever calls.
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.wait([task], timeout=wait_s)
    finally:
        await _end([task])
    if task.cancelled():
        return False
    if (error := task.exception()) is not None and not isinstance(error, KafkaError):
        raise error
    return error is None


async def _end(tasks: Iterable[asyncio.Task[None] | None]) -> None:
    running = [task for task in tasks if task is not None and not task.done()]
    for task in running:
        task.cancel()
    if running:
        await asyncio.wait(running)


async def abandon_producer(producer: AIOKafkaProducer, wait_s: float) -> None:
    """Stop it, waiting at most `wait_s` for the records that it holds; the rest fail."""
    try:
        async with asyncio.timeout(wait_s):
            await producer.client._maybe_wait_metadata()
            await producer.stop()
    except (TimeoutError, KafkaError):
        producer._closed = True
        await _cut_off(producer.client)
        await producer._sender.close()
        _fail_batches(producer._message_accumulator)


async def _cut_off(client: Any) -> None:
    """Close its connections; it makes no new one and waits for no news of the cluster."""

    async def refuse(*_: Any, **__: Any) -> None:
        """No connection, which aiokafka takes for a node that is not ready."""

    def tell_nothing() -> asyncio.Future[bool]:
        told = asyncio.get_running_loop().create_future()
        told.set_result(False)
        return told

    client._get_conn = refuse
    client.force_metadata_update = tell_nothing
    await client.close()
    awaited, client._md_update_fut = client._md_update_fut, None
    if awaited is not None and not awaited.done():
        awaited.set_result(False)


def _fail_batches(accumulator: Any) -> None:
    batches = [batch for waiting in accumulator._batches.values() for batch in waiting]
    accumulator.fail_all(KafkaError("abandoned"))
    for batch in batches:
        # Nobody waits for this one any more; unread, asyncio would complain of it.
        if batch._drain_waiter.done() and not batch._drain_waiter.cancelled():
            batch._drain_waiter.exception()
