"""The gateway: everything between peers and the bus, built from ports."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from stream.backend import Backend, BackendLimits
from stream.config import Config
from stream.configuring import Configurator
from stream.core import wire
from stream.core.access import Permissions
from stream.core.channels import ChannelLimits
from stream.core.history import HistoryLimits
from stream.core.messages import (
    Caption,
    Decision,
    Post,
    Retract,
    Review,
    Translation,
    Verdict,
)
from stream.core.outbox import Outbox, OutboxLimits
from stream.core.pages import Page
from stream.core.posts import GateLimits
from stream.core.records import (
    Detection,
    Failure,
    Log,
    Offer,
    Origin,
    Progress,
    Record,
    Result,
    Topic,
)
from stream.core.results import ResultLimits
from stream.core.session import SessionLimits
from stream.core.settings import ChannelSettings
from stream.core.stats import Histogram
from stream.core.transcripts import Transcripts
from stream.fanout import Fanout, FanoutLimits
from stream.following import EVERYTHING_S, Follower
from stream.gate import Gate
from stream.ingress import Connection, Ingress, Services
from stream.policing import PolicyFile
from stream.ports import Bus, Clock, Peer
from stream.publishing import Decoder, PublishingLimits, Studio
from stream.site import Site
from stream.translating import Translator


class Tools(NamedTuple):
    """What adapters give: `frame` makes a finished frame of JSON, the same for all peers."""

    frame: Callable[[bytes], bytes]
    make_decoder: Callable[[str, int], Decoder]


class Gateway:
    """`name` must be new for each life of a process: what workers answer is addressed to it.

    The servers call `serve`, `drained`, `make_outbox`, `page` and `backend`; `run` does the rest
    until it is cancelled.
    """

    def __init__(self, bus: Bus, clock: Clock, name: str, config: Config, tools: Tools) -> None:
        self._config = config
        self._transcripts = Transcripts()
        settings = ChannelSettings()
        self._configurator = configurator = Configurator(bus, settings)
        self._policy = PolicyFile(Path(config.policy), configurator) if config.policy else None
        self._gate = Gate(bus, clock, name, settings, _gate_limits(config))
        self._translator = Translator(bus, clock, name)
        limits = _fanout_limits(config)
        self._fanout = Fanout(bus, clock, name, tools.frame, self._answered, limits)
        self._studio = Studio(
            bus,
            clock,
            tools.make_decoder,
            self._fanout.captions_read,
            _publishing_limits(config),
        )
        logs = _logs(bus, Topic.CAPTIONS, Topic.EVENTS)
        self._told = Follower(bus, logs, config.transcript_s, self._learn)
        logs = _logs(bus, Topic.POLICIES)
        self._policies = Follower(bus, logs, EVERYTHING_S, self._configurator.learn)
        limit = BackendLimits(config.http_texts_per_s, config.http_texts_burst)
        self.backend = Backend(self._gate, self._translator, settings, clock, limit)
        services = Services(
            audience=self._fanout,
            gate=self._gate,
            translator=self._translator,
            studio=self._studio,
            configurator=self._configurator,
            events=self._told,
        )
        random_bits = random.SystemRandom().getrandbits
        self._ingress = Ingress(services, clock, _session_limits(config), random_bits)
        self._site = Site(self._transcripts, self.is_ready)

    async def run(self) -> None:
        """Until cancelled; timers end with it."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._fanout.run(), name="gateway: fan-out")
                tasks.create_task(self._gate.run(), name="gateway: events")
                tasks.create_task(self._studio.run(), name="gateway: ends of audio")
                tasks.create_task(self._told.run(), name="gateway: captions and events")
                tasks.create_task(self._policies.run(), name="gateway: policies")
                if self._policy is not None:
                    tasks.create_task(self._policy.run(), name="gateway: policy file")
        finally:
            self._translator.stop()

    async def serve(self, connection: Connection) -> None:
        """Talk with a peer until it has left."""
        await self._ingress.serve(connection)

    def drained(self, peer: Peer) -> None:
        """The peer has become writable."""
        self._fanout.drain(peer)

    def make_outbox(self) -> Outbox:
        config = self._config
        return Outbox(OutboxLimits(limit_bytes=config.outbox_bytes, age_s=config.outbox_s))

    async def page(self, path: str, bearer: Callable[[], Permissions]) -> Page:
        """What a GET gets. Raises NotFound, NotAllowed, NoToken or Malformed."""
        return await self._site.page(path, bearer)

    def is_ready(self) -> bool:
        """True once all that lay in the logs has been read."""
        warm = self._told.is_warm() and self._policies.is_warm()
        return warm and self._fanout.ready.is_set()

    async def wait_ready(self, patience_s: float) -> bool:
        """Wait until all that lay in the logs has been read; False where that takes too long."""
        try:
            async with asyncio.timeout(patience_s):
                await self._fanout.ready.wait()
                await self._told.wait_warm()
                await self._policies.wait_warm()
                if self._policy is not None:
                    await self._policy.laid_down.wait()
        except TimeoutError:
            return False
        return True

    async def wait_written(self) -> None:
        """Wait until the bus has all events."""
        await self._gate.wait_written()

    def statistics(self) -> dict[str, dict[str, float]]:
        return {
            **self._gate.statistics(),
            "translator": self._translator.statistics(),
            "publishers": self._studio.statistics(),
            "transcripts": self._transcripts.statistics(),
            "fanout": self._fanout.statistics(),
            "told": self._told.statistics(),
            "policies": self._policies.statistics(),
            **({"policy_file": self._policy.statistics()} if self._policy else {}),
        }

    def latencies(self) -> Mapping[str, Histogram]:
        """Milliseconds from arrival to answer, by what was asked."""
        own = {"gate": self._gate.latency, "translate": self._translator.latency}
        return {**self._fanout.latencies, **own}

    def _answered(self, result: Result, origin: Origin) -> None:
        """Somebody here waits for this."""
        match result:
            case Verdict():
                self._gate.answer(result)
            case Translation() | Failure() | Offer() | Detection():
                self._translator.answer(result)
            case Progress(over=True):
                self._studio.ended(result)

    def _learn(self, record: Record) -> None:
        """A final or an event, as the logs tell it."""
        result, _ = wire.decode_result(record)
        match result:
            case Caption(final=True):
                self._transcripts.add(result)
            case Retract():
                self._transcripts.retract(result)
            case Post() | Review() | Decision():
                self._gate.learn(record)


def _logs(bus: Bus, *topics: Topic) -> list[Log]:
    return [Log(topic, partition) for topic in topics for partition in range(bus.partitions)]


def _gate_limits(config: Config) -> GateLimits:
    return GateLimits(guard_ms=config.gate_guard_ms, pending=config.gate_pending)


def _publishing_limits(config: Config) -> PublishingLimits:
    return PublishingLimits(ahead_s=config.publish_ahead_s, closing_s=config.closing_s)


def _fanout_limits(config: Config) -> FanoutLimits:
    channels = ChannelLimits(history=HistoryLimits(age_s=config.history_s))
    return FanoutLimits(results=ResultLimits(channels=channels))


def _session_limits(config: Config) -> SessionLimits:
    return SessionLimits(
        messages_per_s=config.messages_per_s,
        messages_burst=config.messages_burst,
        bytes_per_s=config.bytes_per_s,
        bytes_burst=config.bytes_burst,
        errors_burst=config.errors_burst,
        channels=config.channels_per_connection,
    )
