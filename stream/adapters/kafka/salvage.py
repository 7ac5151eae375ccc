"""Getting past a record whose checksum is wrong.

aiokafka (0.14) names the damaged log in the error's text only, and drops what it had read of all
logs in the same call; so a reader sets every log back to what it gave out, and reads the damaged
one record by record up to the fault.
"""

from __future__ import annotations

import re
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import CorruptRecordException
from aiokafka.structs import TopicPartition

_PLACE = re.compile(r"TopicPartition\(topic='([^']+)', partition=(\d+)\)")


def damaged_place(error: CorruptRecordException) -> TopicPartition:
    """The log in which the fault is. Raises the error itself where it doesn't say."""
    if (found := _PLACE.search(str(error))) is None:
        raise error
    return TopicPartition(found.group(1), int(found.group(2)))


async def read_singly(
    consumer: AIOKafkaConsumer, place: TopicPartition, limit: int, wait_ms: int
) -> list[Any]:
    """Messages of one log until the fault, the limit, or nothing comes in `wait_ms`.

    Raises CorruptRecordException when the fault is the first.
    """
    messages: list[Any] = []
    while len(messages) < limit:
        try:
            found = await consumer.getmany(place, timeout_ms=wait_ms, max_records=1)
        except CorruptRecordException:
            if messages:
                break
            raise
        if not found:
            break
        messages += found[place]
    return messages
