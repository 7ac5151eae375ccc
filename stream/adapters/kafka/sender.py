"""What is on its way to the broker: one queue, one task, one deadline for each record.

One task with sequential `await send()`: many sends at once are quadratic in aiokafka (its issue
528). With idempotence a batch never expires there, so each record has a deadline of ours; what
missed it may still be written later, which readers bear, since a repeat has the same id.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from functools import partial
from typing import Any, NamedTuple

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from stream.adapters.kafka.abandon import abandon_producer
from stream.adapters.kafka.settings import KafkaSettings
from stream.core.errors import BusFull, BusGone
from stream.core.records import Headers, Log, Position

_BATCH_BYTES = 64 * 1024
_REQUEST_BYTES = 1024 * 1024
_TICK_S = 0.1

_log = structlog.get_logger(__name__)


class Outgoing(NamedTuple):
    """A record that waits to be sent."""

    log: Log
    key: str
    value: bytes
    headers: Headers
    timestamp_ms: int
    due: float
    future: asyncio.Future[Position]


class Sender:
    """Sends records in the order in which they came; bounded in number and in time."""

    def __init__(self, settings: KafkaSettings) -> None:
        self.acknowledged = 0
        self.failed = 0
        self.rebuilt = 0
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._queue: deque[Outgoing] = deque()
        # Queued and unacknowledged records; all have the same time, so the first is due first.
        self._pending: OrderedDict[asyncio.Future[Position], float] = OrderedDict()
        self._filled = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._closed = False
        self._producer: AIOKafkaProducer | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Connect. Raises KafkaError."""
        self._producer = await self._connect()
        self._tasks = [
            asyncio.create_task(self._send_all(), name="kafka: send"),
            asyncio.create_task(self._expire_all(), name="kafka: expire"),
        ]
        for task in self._tasks:
            task.add_done_callback(self._end)

    def put_nowait(
        self, log: Log, key: str, value: bytes, headers: Headers, now: float
    ) -> asyncio.Future[Position]:
        """Queue a record of Unix time `now`. Raises BusFull, and BusGone once closed."""
        if self._closed:
            raise BusGone("bus is closed")
        if len(self._pending) >= self._settings.queue_limit:
            raise BusFull(f"{len(self._pending)} records wait for the broker, expected fewer")
        future: asyncio.Future[Position] = self._loop.create_future()
        due = self._loop.time() + self._settings.delivery_s
        self._pending[future] = due
        future.add_done_callback(self._settle)
        self._queue.append(Outgoing(log, key, value, headers, int(now * 1000), due, future))
        self._filled.set()
        return future

    async def wait_room(self) -> None:
        """Wait until the queue has room. Raises BusGone when it has none in the delivery time."""
        try:
            async with asyncio.timeout(self._settings.delivery_s):
                while len(self._pending) >= self._settings.queue_limit:
                    self._room.clear()
                    await self._room.wait()
        except TimeoutError as error:
            raise BusGone(f"queue is full for {self._settings.delivery_s} s") from error

    def statistics(self) -> dict[str, float]:
        return {
            "queued": len(self._queue),
            "unacknowledged": len(self._pending) - len(self._queue),
            "acknowledged": self.acknowledged,
            "publish_failures": self.failed,
            "producer_rebuilds": self.rebuilt,
        }

    async def close(self) -> None:
        """Send what is queued, for at most `answer_s`; fail the rest with BusGone."""
        self._closed = True
        if self._pending:
            await asyncio.wait(tuple(self._pending), timeout=self._settings.answer_s)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._producer is not None:
            await abandon_producer(self._producer, self._settings.answer_s)

    async def _connect(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._settings.bootstrap,
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=_BATCH_BYTES,
            max_request_size=_REQUEST_BYTES,
            request_timeout_ms=int(self._settings.delivery_s * 1000),
        )
        try:
            await producer.start()
        except BaseException:
            await abandon_producer(producer, 0)
            raise
        return producer

    async def _send_all(self) -> None:
        while True:
            while not self._queue:
                self._filled.clear()
                await self._filled.wait()
            item = self._queue.popleft()
            if not item.future.done():
                await self._send(item)

    async def _send(self, item: Outgoing) -> None:
        assert self._producer is not None
        try:
            async with asyncio.timeout_at(item.due):
                delivery = await self._producer.send(
                    self._settings.name(item.log.topic),
                    item.value,
                    item.key.encode(),
                    item.log.partition,
                    item.timestamp_ms,
                    list(item.headers.items()),
                )
        except TimeoutError:
            _fail(item.future, f"not sent within {self._settings.delivery_s} s")
        except KafkaError as error:
            _fail(item.future, _name(error))
            await self._rebuild()
        else:
            delivery.add_done_callback(partial(_acknowledge, item.future, item.log))

    async def _rebuild(self) -> None:
        """A producer that refuses a record at once is lost: fenced, or its own task has died."""
        assert self._producer is not None
        self.rebuilt += 1
        _log.warning("producer is built anew")
        await abandon_producer(self._producer, self._settings.answer_s)
        while True:
            try:
                self._producer = await self._connect()
            except KafkaError:
                await asyncio.sleep(_TICK_S)
            else:
                return

    async def _expire_all(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            now = self._loop.time()
            while self._pending:
                future, due = next(iter(self._pending.items()))
                if due > now:
                    break
                del self._pending[future]
                _fail(future, f"not acknowledged within {self._settings.delivery_s} s")

    def _settle(self, future: asyncio.Future[Position]) -> None:
        self._pending.pop(future, None)
        if future.cancelled() or future.exception() is not None:
            self.failed += 1
        else:
            self.acknowledged += 1
        # Not at the first free place: waiting publishers would wake in crowds for one.
        if len(self._pending) <= self._settings.queue_limit // 2:
            self._room.set()

    def _end(self, task: asyncio.Task[None]) -> None:
        """Leave nobody waiting when a task ends, by `close` or by a fault of ours."""
        self._closed = True
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("sender ended", error=_name(error))
        for future in tuple(self._pending):
            _fail(future, "bus is closed")


def _acknowledge(future: asyncio.Future[Position], log: Log, delivery: asyncio.Future[Any]) -> None:
    error = None if delivery.cancelled() else delivery.exception()
    if delivery.cancelled() or error is not None:
        _fail(future, _name(error))
    elif not future.done():
        future.set_result(Position(log, delivery.result().offset))


def _fail(future: asyncio.Future[Position], why: str) -> None:
    if not future.done():
        future.set_exception(BusGone(f"record is not written: {why}"))


def _name(error: BaseException | None) -> str:
    return f"{type(error).__name__} {error}".strip()
