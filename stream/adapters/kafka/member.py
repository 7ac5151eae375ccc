"""A reader that is one of a group."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, NamedTuple

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from stream.adapters.kafka.probe import Probe
from stream.adapters.kafka.reader import KafkaReader
from stream.adapters.kafka.settings import KafkaSettings
from stream.core.errors import BusGone
from stream.core.records import Log, Topic
from stream.ports import Listener

_log = structlog.get_logger(__name__)


class Membership(NamedTuple):
    """Who reads what in which group.

    `member` is a static id, to be given to one reader at a time: who comes back under it within the
    session time finds its logs as they were, and nobody else's move.
    """

    group: str
    member: str
    topics: tuple[Topic, ...]
    listener: Listener


class KafkaMember(KafkaReader):
    """Reads its share of a group's logs, from what was committed."""

    def __init__(self, settings: KafkaSettings, probe: Probe, membership: Membership) -> None:
        super().__init__(settings, probe)
        self.moves = 0
        self.commits_refused = 0
        self.listener_failures = 0
        self._membership = membership
        self._ready = asyncio.Event()
        self._moving_since = self._loop.time()

    def assignment(self) -> frozenset[Log]:
        return self._owned() if self._ready.is_set() else frozenset()

    async def commit(self, offsets: Mapping[Log, int]) -> None:
        """The next owner starts here. Raises BusGone when the broker does not answer in time.

        Logs that aren't assigned any more are left out silently, also when the broker is the
        first to know.
        """
        self._check_open()
        owned = self._owned()
        places = {self._settings.place(log): at for log, at in offsets.items() if log in owned}
        if not places or self._consumer is None:
            return
        try:
            async with asyncio.timeout(self._settings.answer_s):
                await self._consumer.commit(places)
        except (CommitFailedError, IllegalStateError):
            self.commits_refused += 1
        except (KafkaError, TimeoutError) as error:
            raise BusGone(f"commit not acknowledged within {self._settings.answer_s} s") from error

    def statistics(self) -> dict[str, int]:
        return {
            **super().statistics(),
            "group_moves": self.moves,
            "commits_refused": self.commits_refused,
            "listener_failures": self.listener_failures,
        }

    async def give_up(self, logs: frozenset[Log]) -> None:
        """Called when logs are taken: the listener has a bounded time to commit."""
        self._ready.clear()
        self._moving_since = self._loop.time()
        if logs:
            self.moves += 1
            await self._tell(self._membership.listener.revoked, logs, self._settings.answer_s)
        self._positions.clear()

    async def start(self, logs: frozenset[Log]) -> None:
        """Called when logs are given: records come once the listener knows."""
        await self._tell(self._membership.listener.assigned, logs, None)
        self._ready.set()

    def _options(self) -> dict[str, Any]:
        session_ms = int(self._settings.session_s * 1000)
        return {
            **super()._options(),
            "group_id": self._settings.prefix + self._membership.group,
            "group_instance_id": self._membership.member,
            "session_timeout_ms": session_ms,
            "heartbeat_interval_ms": session_ms // 3,
            "rebalance_timeout_ms": session_ms,
            # A member has the same partitions of every topic, so one speaks for a channel.
            "partition_assignment_strategy": (RangePartitionAssignor,),
        }

    async def _take_up(self, consumer: AIOKafkaConsumer) -> None:
        topics = [self._settings.name(topic) for topic in self._membership.topics]
        consumer.subscribe(topics, listener=_Moves(self))
        await self._ready.wait()

    async def _wait_ready(self, until: float) -> bool:
        try:
            async with asyncio.timeout_at(until):
                await self._ready.wait()
        except TimeoutError:
            return self._ready.is_set()
        return True

    async def _given_out(self, log: Log) -> int:
        assert self._consumer is not None
        if log not in self._positions:
            committed = await self._consumer.committed(self._settings.place(log))
            if committed is not None:
                return int(committed)
        return await super()._given_out(log)

    async def _watch(self) -> None:
        """A move may last as long as a silent member may; beyond that, this one is stuck."""
        if self._ready.is_set():
            await super()._watch()
        elif self._loop.time() - self._moving_since > self._longest_move_s():
            await self._rebuild("moving")

    def _longest_move_s(self) -> float:
        return 2 * self._settings.session_s + self._settings.stuck_s

    async def _rebuild(self, why: str) -> None:
        """To the listener this is a move: what was not committed comes again."""
        await self.give_up(self._owned())
        await super()._rebuild(why)

    async def _tell(
        self,
        call: Callable[[frozenset[Log]], Coroutine[Any, Any, None]],
        logs: frozenset[Log],
        wait_s: float | None,
    ) -> None:
        try:
            async with asyncio.timeout(wait_s):
                await call(logs)
        except Exception:
            # A listener that fails costs repeated records, not the group.
            self.listener_failures += 1
            _log.exception("listener failed", member=self._membership.member, call=call.__name__)


class _Moves(ConsumerRebalanceListener):  # type: ignore[misc]
    """Hands aiokafka's calls on, in our words."""

    def __init__(self, member: KafkaMember) -> None:
        self._reader = member
        self._log = member._settings.log

    async def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
        await self._reader.give_up(frozenset(map(self._log, revoked)))

    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        await self._reader.start(frozenset(map(self._log, assigned)))
