"""Buses that fail in one way each, and an asker that remembers what it was told."""

from __future__ import annotations

import asyncio

from stream.adapters.memory import MemoryBus
from stream.core.errors import BusFull, BusGone
from stream.core.messages import Message
from stream.core.records import Headers, Position, Topic


class KeptAsker:
    """Remembers messages, and when they came."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.times: list[float] = []
        self.told = asyncio.Event()

    def tell(self, message: Message) -> None:
        self.messages.append(message)
        self.times.append(asyncio.get_running_loop().time())
        self.told.set()


class FailingBus(MemoryBus):
    """Takes records only while `fault` is empty, not while it is `full`, `gone` or `silent`."""

    fault = ""

    def publish_nowait(
        self,
        topic: Topic,
        key: str,
        value: bytes,
        headers: Headers,
        *,
        partition: int | None = None,
    ) -> asyncio.Future[Position]:
        if self.fault == "full":
            raise BusFull("queue is full")
        if self.fault == "gone":
            raise BusGone("bus is gone")
        if self.fault == "silent":
            return asyncio.get_running_loop().create_future()
        return super().publish_nowait(topic, key, value, headers, partition=partition)

    async def publish(
        self,
        topic: Topic,
        key: str,
        value: bytes,
        headers: Headers,
        *,
        partition: int | None = None,
    ) -> Position:
        while self.fault == "full":  # noqa: ASYNC110 (a test ends the fault by a word)
            await asyncio.sleep(0.1)
        return await self.publish_nowait(topic, key, value, headers, partition=partition)
