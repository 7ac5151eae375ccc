"""Becoming the owner of a log: claim its results, and learn what earlier owners have said."""

from __future__ import annotations

from dataclasses import dataclass

from stream.core import wire
from stream.core.errors import Malformed
from stream.core.fence import Fence, voice_of
from stream.core.records import Claim, Log, Origin, Position, Record, Topic, Voice
from stream.ports import Bus, Clock
from workers.role import Role, Told

VOICES: dict[str, Voice] = {"translation": "translations"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Takeover:
    """Takes logs over for a role.

    The claim is written first, so that whoever reads the results in order hears no earlier owner
    after it; what was said before it is then read back, `past_s` seconds at most. What the fence
    kept from everybody was not said: this owner says it anew, even if it was itself who spoke.
    """

    bus: Bus
    role: Role
    clock: Clock
    past_s: float = 180.0
    read: int = 500
    wait_s: float = 0.25

    async def take(self, log: Log) -> None:
        """A partition's inputs come together: the first of them stands for all."""
        if log.topic is not self.role.inputs[0]:
            return
        claims = [await self._claim(topic, log.partition) for topic in self.role.claims]
        if claims:
            self.role.adopt(log, await self._past(claims[0]))

    async def _claim(self, topic: Topic, partition: int) -> Position:
        origin = Origin(owner=self.role.owner, arrived=self.clock.now(), budget_ms=0)
        voice = VOICES.get(self.role.name, "captions")
        payload = wire.encode_result(Claim(owner=self.role.owner, voice=voice), origin)
        return await self.bus.publish(
            topic, self.role.owner, payload.value, payload.headers, partition=partition
        )

    async def _past(self, claimed: Position) -> list[Told]:
        reader = await self.bus.tail([claimed.log], self.past_s)
        told: list[Told] = []
        fence = Fence()
        reached = -1
        try:
            while reached < claimed.offset:
                batch = await reader.read(self.read, self.wait_s)
                for record in batch.records:
                    reached = record.offset
                    told += _told(record, fence)
        finally:
            await reader.close()
        return told


def _told(record: Record, fence: Fence) -> list[Told]:
    """A result with its origin; what cannot be read, or was not to be heard, says nothing."""
    try:
        result, origin = wire.decode_result(record)
    except Malformed:
        return []
    log, at = record.log, record.timestamp
    if isinstance(result, Claim):
        fence.claim(log, result.owner, at, result.voice)
    elif not fence.admits(log, origin.owner, at, voice_of(result)):
        return []
    return [Told(result, origin)]
