"""The bus that the settings name."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from stream.adapters.memory import MemoryBus
from stream.config import Config
from stream.ports import Bus, Clock

if TYPE_CHECKING:
    from stream.adapters.kafka import KafkaSettings

DEFAULT_PARTITIONS = 12


def kafka_settings(config: Config) -> KafkaSettings:
    from stream.adapters.kafka import KafkaSettings

    return KafkaSettings(bootstrap=config.kafka, prefix=config.kafka_prefix)


@asynccontextmanager
async def open_bus(config: Config, clock: Clock, *, create: bool = False) -> AsyncIterator[Bus]:
    """Kafka where `config.kafka` names brokers, else the bus of this process.

    With `create`, topics that the brokers lack are made first. Raises BusGone, BusError.
    """
    if config.kafka:
        from stream.adapters.kafka import KafkaBus, create_topics

        if create:
            await create_topics(kafka_settings(config), DEFAULT_PARTITIONS)
        bus: Bus = await KafkaBus.connect(kafka_settings(config), clock)
    else:
        bus = MemoryBus(clock, secrets.token_hex(8))
    try:
        yield bus
    finally:
        await bus.close()
