"""Offsets, asked over a connection of its own: a reader's own waits behind its long poll."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from stream.adapters.kafka.settings import KafkaSettings
from stream.core.errors import BusGone
from stream.core.records import Log


class Probe:
    """Tells where logs begin and end; one question at a time, each bounded."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=settings.bootstrap,
            request_timeout_ms=int(settings.answer_s * 1000),
        )
        self._turn = asyncio.Lock()

    async def start(self) -> None:
        await self._consumer.start()

    async def close(self) -> None:
        await self._consumer.stop()

    async def firsts(self, logs: Iterable[Log]) -> dict[Log, int]:
        """The offset of each log's oldest record. Raises BusGone."""
        return self._by_log(await self._ask(self._consumer.beginning_offsets, self._places(logs)))

    async def ends(self, logs: Iterable[Log]) -> dict[Log, int]:
        """The offset that each log's next record will get. Raises BusGone."""
        return self._by_log(await self._ask(self._consumer.end_offsets, self._places(logs)))

    async def since(self, logs: Iterable[Log], timestamp: float) -> dict[Log, int]:
        """The first offset not older than `timestamp` (Unix seconds), or the log's end."""
        places = self._places(logs)
        ends = await self._ask(self._consumer.end_offsets, places)
        moment = max(0, int(timestamp * 1000))
        found = await self._ask(self._consumer.offsets_for_times, dict.fromkeys(places, moment))
        return self._by_log(
            {place: at.offset if (at := found.get(place)) else ends[place] for place in places}
        )

    async def _ask(self, question: Callable[[Any], Awaitable[Any]], about: Any) -> Any:
        try:
            async with asyncio.timeout(self._settings.answer_s), self._turn:
                return await question(about)
        except (KafkaError, TimeoutError) as error:
            raise BusGone(f"offsets not told within {self._settings.answer_s} s") from error

    def _places(self, logs: Iterable[Log]) -> list[Any]:
        return [self._settings.place(log) for log in logs]

    def _by_log(self, offsets: dict[Any, int]) -> dict[Log, int]:
        return {self._settings.log(place): offset for place, offset in offsets.items()}
