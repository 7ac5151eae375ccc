"""Reads logs through one consumer, and builds it anew when it is stuck."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import (
    ConsumerStoppedError,
    CorruptRecordException,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)

from stream.adapters.kafka.abandon import abandon_consumer
from stream.adapters.kafka.probe import Probe
from stream.adapters.kafka.salvage import damaged_place, read_singly
from stream.adapters.kafka.settings import KafkaSettings
from stream.adapters.kafka.watchdog import Watchdog
from stream.core.errors import BusGone
from stream.core.records import Batch, Log, Record, Truncation

_WATCHES = 5
_MOVE_GRACE_S = 0.05

_log = structlog.get_logger(__name__)


class KafkaReader:
    """Reads logs outside of any group, from `positions` on; commits of it count for nobody."""

    def __init__(
        self, settings: KafkaSettings, probe: Probe, positions: Mapping[Log, int] | None = None
    ) -> None:
        self.rebuilt = 0
        self.truncated = 0
        self._settings = settings
        self._probe = probe
        self._loop = asyncio.get_running_loop()
        self._consumer: AIOKafkaConsumer | None = None
        self._positions = dict(positions or {})
        self._watchdog = Watchdog(settings.stuck_s)
        self._watched = self._loop.time()
        self._closed = False

    async def open(self) -> None:
        """Connect and take up the logs. Raises BusGone."""
        consumer = AIOKafkaConsumer(**self._options())
        try:
            async with asyncio.timeout(self._settings.connect_s):
                await consumer.start()
                self._consumer = consumer
                await self._take_up(consumer)
        except (KafkaError, TimeoutError) as error:
            await self._drop(consumer)
            raise BusGone(f"reader not started: {type(error).__name__} {error}") from error
        except BaseException:
            await self._drop(consumer)
            raise

    async def read(self, limit: int, wait_s: float) -> Batch:
        """Up to `limit` records; empty after `wait_s`. Raises BusGone when it is closed.

        A reader that was stuck is built anew in here; BusGone also says that this did not succeed
        yet, and the next call tries again.
        """
        self._check_open()
        until = self._loop.time() + wait_s
        batch = await self._fetch(limit, until)
        if not batch.records and not batch.truncated:
            await self._watch()
        return batch

    def assignment(self) -> frozenset[Log]:
        """The logs that records come from now; none while they move."""
        return self._owned()

    async def seek(self, log: Log, offset: int) -> None:
        """Read on from `offset`; a log that isn't assigned is left out silently."""
        if self._consumer is not None and log in self._owned():
            self._move(self._consumer, log, offset)

    async def commit(self, offsets: Mapping[Log, int]) -> None:
        """Nothing to tell anybody. Raises BusGone when it is closed."""
        self._check_open()

    async def close(self) -> None:
        """Stop reading; bounded, also when the broker is away."""
        self._closed = True
        if self._consumer is not None:
            await self._drop(self._consumer)

    @property
    def closed(self) -> bool:
        return self._closed

    def statistics(self) -> dict[str, int]:
        return {"reader_rebuilds": self.rebuilt, "truncated": self.truncated}

    def _owned(self) -> frozenset[Log]:
        if self._closed or self._consumer is None:
            return frozenset()
        return frozenset(map(self._settings.log, self._consumer.assignment()))

    def _options(self) -> dict[str, Any]:
        return {
            "bootstrap_servers": self._settings.bootstrap,
            "enable_auto_commit": False,
            # Out of range is an error to us, so that we can tell what was lost.
            "auto_offset_reset": "none",
            "fetch_min_bytes": 1,
            "fetch_max_wait_ms": int(self._settings.fetch_wait_s * 1000),
            "request_timeout_ms": int(self._settings.delivery_s * 1000),
        }

    async def _take_up(self, consumer: AIOKafkaConsumer) -> None:
        consumer.assign([self._settings.place(log) for log in self._positions])
        for log, offset in self._positions.items():
            consumer.seek(self._settings.place(log), offset)

    async def _fetch(self, limit: int, until: float) -> Batch:
        """What there is; an empty batch once the time is up."""
        while True:
            self._check_open()
            if self._consumer is None:
                await self.open()
            try:
                return Batch(await self._get(limit, until))
            except TimeoutError:
                return Batch(())
            except OffsetOutOfRangeError as error:
                if lost := await self._skip_truncated(error.args[0]):
                    return Batch((), tuple(lost))
            except NoOffsetForPartitionError as error:
                await self._start_at_first(self._settings.log(error.args[0]))
            except CorruptRecordException as error:
                return await self._pass_damage(damaged_place(error), limit)
            except (KafkaError, ConsumerStoppedError) as error:
                self._check_open()
                await self._rebuild(type(error).__name__)

    async def _get(self, limit: int, until: float) -> tuple[Record, ...]:
        if not await self._wait_ready(until):
            return ()
        assert self._consumer is not None
        wait_ms = max(0, int((until - self._loop.time()) * 1000))
        # During a rebalance `getmany` waits for its end whatever its own timeout says.
        async with asyncio.timeout(wait_ms / 1000 + _MOVE_GRACE_S):
            found = await self._consumer.getmany(timeout_ms=wait_ms, max_records=limit)
        self._check_open()
        return self._take(found)

    async def _wait_ready(self, until: float) -> bool:
        """True once records may be given: at once, where no group moves logs."""
        return True

    def _take(self, found: dict[Any, list[Any]]) -> tuple[Record, ...]:
        records: list[Record] = []
        for place, messages in found.items():
            log = self._settings.log(place)
            records += (_record(log, message) for message in messages)
            self._positions[log] = messages[-1].offset + 1
        return tuple(records)

    def _move(self, consumer: AIOKafkaConsumer, log: Log, offset: int) -> None:
        consumer.seek(self._settings.place(log), offset)
        self._positions[log] = offset

    async def _skip_truncated(self, positions: Mapping[Any, int]) -> list[Truncation]:
        """Go on at what is left, also where a log was made anew and ends before our position."""
        assert self._consumer is not None
        logs = {self._settings.log(place): offset for place, offset in positions.items()}
        firsts = await self._probe.firsts(logs)
        lost = []
        for log, start in logs.items():
            if log not in self._owned():
                continue
            self._move(self._consumer, log, firsts[log])
            if start < firsts[log]:
                self.truncated += firsts[log] - start
                lost.append(Truncation(log, start, firsts[log]))
        return lost

    async def _start_at_first(self, log: Log) -> None:
        assert self._consumer is not None
        firsts = await self._probe.firsts([log])
        if log in self._owned():
            self._move(self._consumer, log, firsts[log])

    async def _pass_damage(self, place: Any, limit: int) -> Batch:
        """The records before the damaged one; where there are none, pass it and tell."""
        assert self._consumer is not None
        log = self._settings.log(place)
        for each in self._owned():
            self._move(self._consumer, each, await self._given_out(each))
        try:
            wait_ms = int(self._settings.answer_s * 1000)
            messages = await read_singly(self._consumer, place, limit, wait_ms)
        except CorruptRecordException:
            start = self._positions[log]
            self._move(self._consumer, log, start + 1)
            self.truncated += 1
            return Batch((), (Truncation(log, start, start + 1),))
        records = self._take({place: messages} if messages else {})
        self._move(self._consumer, log, self._positions[log])
        return Batch(records)

    async def _given_out(self, log: Log) -> int:
        """Up to where records of this log were given out."""
        if log in self._positions:
            return self._positions[log]
        return (await self._probe.firsts([log]))[log]

    async def _position(self, log: Log) -> int | None:
        """Where the next record is read; None when the consumer itself doesn't know."""
        if log in self._positions:
            return self._positions[log]
        assert self._consumer is not None
        with suppress(TimeoutError, KafkaError):
            async with asyncio.timeout(self._settings.stuck_s / _WATCHES):
                return int(await self._consumer.position(self._settings.place(log)))
        return None

    async def _watch(self) -> None:
        now = self._loop.time()
        if self._consumer is None or now - self._watched < self._settings.stuck_s / _WATCHES:
            return
        self._watched = now
        logs = self._owned()
        try:
            ends = await self._probe.ends(logs)
        except BusGone:
            return  # the broker is away: nothing is stuck but the broker
        positions = {log: await self._position(log) for log in logs}
        if self._watchdog.is_stuck(now, positions, ends):
            await self._rebuild("stuck")

    async def _rebuild(self, why: str) -> None:
        self.rebuilt += 1
        _log.warning("reader is built anew", why=why)
        if self._consumer is not None:
            await self._drop(self._consumer)
        self._watchdog = Watchdog(self._settings.stuck_s)
        await self.open()

    async def _drop(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = None
        await abandon_consumer(consumer, self._settings.answer_s)

    def _check_open(self) -> None:
        if self._closed:
            raise BusGone("reader is closed")


def _record(log: Log, message: Any) -> Record:
    """Whatever a producer wrote: a key that isn't text and headers named twice do not raise."""
    return Record(
        log,
        message.offset,
        (message.key or b"").decode("utf-8", "replace"),
        message.value or b"",
        {name: value or b"" for name, value in message.headers},
        message.timestamp / 1000,
    )
