"""The bus port on Apache Kafka."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from hashlib import sha256

from aiokafka.errors import KafkaError

from stream.adapters.kafka.admin import find_topics, partitions_of
from stream.adapters.kafka.bundle import KafkaBundle
from stream.adapters.kafka.member import KafkaMember, Membership
from stream.adapters.kafka.probe import Probe
from stream.adapters.kafka.reader import KafkaReader
from stream.adapters.kafka.sender import Sender
from stream.adapters.kafka.settings import KafkaSettings
from stream.core.errors import BusGone
from stream.core.records import Headers, Log, Position, Topic
from stream.core.topics import check_size, partition_of
from stream.ports import Clock, Listener


class KafkaBus:
    """Made by `connect`. It owns its readers: `close` closes those that are still open."""

    def __init__(
        self, settings: KafkaSettings, clock: Clock, identity: str, partitions: int
    ) -> None:
        self.identity = identity
        self.partitions = partitions
        self._settings = settings
        self._clock = clock
        self._sender = Sender(settings)
        self._probe = Probe(settings)
        self._readers: list[KafkaReader | KafkaBundle] = []
        self._past: Counter[str] = Counter()
        self._closed = False

    @classmethod
    async def connect(cls, settings: KafkaSettings, clock: Clock) -> KafkaBus:
        """Find the cluster and its topics.

        Raises BusGone when no broker answers in `connect_s`, BusError when topics are missing or
        differ in their number of partitions.
        """
        cluster = await find_topics(settings)
        name = f"{cluster.identity}/{settings.prefix}".encode()
        partitions = partitions_of(cluster)
        bus = cls(settings, clock, sha256(name).hexdigest()[:16], partitions)
        try:
            await bus._start()
        except BaseException:
            await bus.close()
            raise
        return bus

    def partition_of(self, key: str) -> int:
        return partition_of(key, self.partitions)

    def publish_nowait(
        self,
        topic: Topic,
        key: str,
        value: bytes,
        headers: Headers,
        *,
        partition: int | None = None,
    ) -> asyncio.Future[Position]:
        """Queue a record. Raises TooBig, BusFull, and BusGone once closed."""
        check_size(key, value, headers)
        log = Log(topic, self.partition_of(key) if partition is None else partition)
        return self._sender.put_nowait(log, key, value, headers, self._clock.now())

    async def publish(
        self,
        topic: Topic,
        key: str,
        value: bytes,
        headers: Headers,
        *,
        partition: int | None = None,
    ) -> Position:
        """Wait for room, queue, wait for the acknowledgement. Raises TooBig, BusGone."""
        await self._sender.wait_room()
        return await self.publish_nowait(topic, key, value, headers, partition=partition)

    async def join(
        self, group: str, member: str, topics: Iterable[Topic], listener: Listener
    ) -> KafkaMember:
        """Become a member; returns with a share, maybe an empty one. Raises BusGone."""
        self._check_open()
        membership = Membership(group, member, tuple(topics), listener)
        reader = KafkaMember(self._settings, self._probe, membership)
        await reader.open()
        self._keep(reader)
        return reader

    async def tail(self, logs: Iterable[Log], back_s: float) -> KafkaReader | KafkaBundle:
        """Read whole logs from `back_s` seconds ago, or from now on. Raises BusGone."""
        self._check_open()
        wanted = tuple(logs)
        if back_s:
            positions = await self._probe.since(wanted, self._clock.now() - back_s)
        else:
            positions = await self._probe.ends(wanted)
        reader = self._reader(positions)
        await reader.open()
        self._keep(reader)
        return reader

    async def ends(self, logs: Iterable[Log]) -> dict[Log, int]:
        """The offset that each log's next record will get. Raises BusGone."""
        self._check_open()
        return await self._probe.ends(logs)

    def statistics(self) -> dict[str, float]:
        counts = self._past.copy()
        for reader in self._readers:
            counts.update(reader.statistics())
        return {**self._sender.statistics(), **counts}

    async def close(self) -> None:
        """Send what is queued, stop the readers, then go; each step bounded."""
        self._closed = True
        await self._sender.close()
        for reader in self._readers:
            await reader.close()
        await self._probe.close()

    async def _start(self) -> None:
        try:
            async with asyncio.timeout(self._settings.connect_s):
                await self._sender.start()
                await self._probe.start()
        except (KafkaError, TimeoutError) as error:
            raise BusGone(f"no answer from {self._settings.bootstrap}") from error

    def _reader(self, positions: Mapping[Log, int]) -> KafkaReader | KafkaBundle:
        """A consumer for each topic; all logs of a topic share one."""
        topics: dict[Topic, dict[Log, int]] = {}
        for log, offset in positions.items():
            topics.setdefault(log.topic, {})[log] = offset
        parts = [KafkaReader(self._settings, self._probe, part) for part in topics.values()]
        return parts[0] if len(parts) == 1 else KafkaBundle(parts)

    def _keep(self, reader: KafkaReader | KafkaBundle) -> None:
        """Own it; of those closed since, only the counts stay."""
        for past in [each for each in self._readers if each.closed]:
            self._past.update(past.statistics())
            self._readers.remove(past)
        self._readers.append(reader)

    def _check_open(self) -> None:
        if self._closed:
            raise BusGone("bus is closed")
