"""A gateway with its servers: sockets, tokens and metrics around the shells, and their end."""

from __future__ import annotations

import asyncio
import gc
import secrets
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import NamedTuple

from stream.adapters.clock import AnchoredClock
from stream.adapters.http import Desk, HttpServer, Room, make_app
from stream.adapters.media import make_decoder
from stream.adapters.metrics import Metrics
from stream.adapters.tokens import NoTokens, Tokens
from stream.adapters.websocket import (
    Hooks,
    ServerLimits,
    WebSocketServer,
    check_host,
    make_tls,
    text_frame,
)
from stream.buses import open_bus
from stream.config import BadSettings, Config
from stream.core.access import Permissions
from stream.core.errors import Restarting
from stream.core.libretranslate import TranslationAsked
from stream.core.messages import Translation, Verdict
from stream.core.moderations import Moderation
from stream.core.pages import Page
from stream.core.policies import Policy
from stream.core.records import Detection, Offer
from stream.gateway import Gateway, Tools
from stream.lifetime import Step, shut_down
from stream.ports import Bus, Clock
from stream.running import notes

COLLECT = (10_000, 2, 5_000)
READY_S = 10.0
"""A bus that is away does not keep the gate shut for longer."""

Part = Callable[[], Mapping[str, float]]


class Serving(NamedTuple):
    """Where the gateway is reached; the ports are those that the system chose.

    `parts`: what else runs in this process, by name, so that its numbers are among the metrics.
    """

    gateway: Gateway
    port: int
    http_port: int
    parts: dict[str, Part]


@asynccontextmanager
async def serving(config: Config, bus: Bus, clock: Clock) -> AsyncIterator[Serving]:
    """A gateway that serves while the context is open; the bus stays the caller's.

    Raises NotAllowed where a host is not loopback and no secret for tokens is set, BadSettings for
    a secret that is too short, a port that cannot be taken or a certificate that cannot be read. On
    the way out, also when cancelled: stop accepting, tell peers, let them leave and events be
    written, end the tasks.
    """
    servers = _Servers(config, bus, clock)
    port, http_port = await servers.bind(config)
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(servers.gateway.run(), name="gateway")]
        try:
            # Whoever resumes before the past is read would lose it.
            await servers.gateway.wait_ready(READY_S)
            await servers.websockets.accept()
            running.append(tasks.create_task(servers.http.run(), name="http"))
            running.append(tasks.create_task(servers.websockets.run(), name="websockets"))
            with _settled():
                yield Serving(servers.gateway, port, http_port, servers.parts)
        finally:
            await shut_down(servers.end(config.drain_s))
            for task in running:
                task.cancel()


class _Servers:
    """The gateway and what stands between it and the world."""

    def __init__(self, config: Config, bus: Bus, clock: Clock) -> None:
        secret = config.token_secret.get_secret_value()
        check_host(config.host, local=not secret)
        check_host(config.http_host, local=not secret)
        tokens = Tokens(secret) if secret else NoTokens()
        self._tls = _tls(config)
        self._bus = bus
        self.parts: dict[str, Part] = {}
        name = f"gateway-{secrets.token_hex(6)}"
        self.gateway = gateway = Gateway(bus, clock, name, config, Tools(text_frame, make_decoder))
        hooks = Hooks(
            serve=gateway.serve,
            drained=gateway.drained,
            verify=tokens.verify,
            page=gateway.page,
            outbox=gateway.make_outbox,
        )
        self.websockets = WebSocketServer(hooks, _server_limits(config), local=not secret)
        metrics = Metrics(self.statistics, gateway.latencies)
        room = Room()
        endpoints = _Endpoints(gateway, tokens, metrics)
        app = make_app(endpoints, _new_id, room)
        desk = Desk(endpoints, _new_id, room, clock)
        self.http = HttpServer(app, desk, room, cert=config.tls_cert, key=config.tls_key)

    async def bind(self, config: Config) -> tuple[int, int]:
        """Take both ports, or none. Raises BadSettings."""
        with _named(f"http port {config.http_port}"):
            http_port = self.http.bind(
                config.http_host, config.http_port, shared=config.share_ports
            )
        try:
            with _named(f"port {config.port}"):
                port = await self.websockets.bind(config.host, config.port, self._tls)
        except BaseException:
            self.http.release()
            raise
        return port, http_port

    def statistics(self) -> dict[str, dict[str, float]]:
        return {
            **self.gateway.statistics(),
            "websockets": self.websockets.statistics(),
            "http": self.http.statistics(),
            "bus": self._bus.statistics(),
            **{name: dict(part()) for name, part in self.parts.items()},
        }

    def end(self, drain_s: float) -> list[Step]:
        async def stop_accepting() -> None:
            self.websockets.stop_accepting()
            self.http.stop()

        async def tell_peers() -> None:
            self.websockets.close_peers(Restarting("the server stops"))

        async def drain() -> None:
            await self.websockets.wait_closed(drain_s)

        return [
            Step("stop accepting", stop_accepting, 1.0),
            Step("tell peers", tell_peers, 1.0),
            Step("let peers leave", drain, drain_s + 5.0),
            Step("let backends finish", self.http.wait_ended, drain_s),
            Step("write events", self.gateway.wait_written, drain_s),
        ]


class _Endpoints:
    """The HTTP endpoints' backend: who asks is verified here, the rest is the gateway's."""

    def __init__(self, gateway: Gateway, tokens: Tokens | NoTokens, metrics: Metrics) -> None:
        self._gateway = gateway
        self._backend = gateway.backend
        self._metrics = metrics
        self.verify = tokens.verify

    async def moderate(self, asked: Moderation, bearer: Permissions) -> Sequence[Verdict]:
        return await self._backend.moderate(asked, bearer)

    def judge(
        self,
        asked: Moderation,
        bearer: Permissions,
        told: Callable[[Sequence[Verdict]], None],
        waited_s: float = 0.0,
    ) -> None:
        self._backend.judge(asked, bearer, told, waited_s)

    def policy(self, channel: str) -> Policy:
        return self._backend.policy(channel)

    async def translate(
        self, asked: TranslationAsked, bearer: Permissions
    ) -> Sequence[Translation]:
        return await self._backend.translate(asked, bearer)

    async def languages(self, bearer: Permissions) -> Offer:
        return await self._backend.languages(bearer)

    async def detect(self, text: str, bearer: Permissions) -> Detection:
        return await self._backend.detect(text, bearer)

    def metrics(self) -> bytes:
        return self._metrics.render()

    async def page(self, path: str) -> Page:
        return await self._gateway.page(path, lambda: self.verify(None))


def _new_id() -> str:
    return secrets.token_hex(12)


def _server_limits(config: Config) -> ServerLimits:
    return ServerLimits(
        connections=config.connections,
        per_address=config.connections_per_address,
        opening_s=config.opening_s,
        origins=config.origins,
        shared=config.share_ports,
    )


def _tls(config: Config) -> ssl.SSLContext | None:
    """Raises BadSettings."""
    if not config.tls_cert:
        return None
    with _named(f"certificate {config.tls_cert}"):
        return make_tls(config.tls_cert, config.tls_key)


@contextmanager
def _settled() -> Iterator[None]:
    """Keep the collector of cycles from stopping the loop.

    What is loaded by now stays, so nobody looks through it again. A full collection took 50 to 250
    ms under load, because the logs of this process keep many records; the thresholds make one rare
    (a hundred million objects, hours at full load) and the smaller ones short.
    """
    before, is_first = gc.get_threshold(), not gc.get_freeze_count()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        if is_first:
            gc.unfreeze()


@contextmanager
def _named(what: str) -> Iterator[None]:
    """What the system refuses becomes an error that says which setting it is about."""
    try:
        yield
    except OSError as error:
        raise BadSettings(
            f"{what} cannot be used: {(error.strerror or str(error)).lower()}"
        ) from error


async def serve(config: Config) -> None:
    """A gateway on the bus that the settings name, until cancelled."""
    clock = AnchoredClock()
    async with open_bus(config, clock) as bus, serving(config, bus, clock) as served:
        tell(config, served)
        await asyncio.get_running_loop().create_future()


def tell(config: Config, served: Serving, query: str = "") -> None:
    """Say where the gateway is reached."""
    scheme = "https" if config.tls_cert else "http"
    page = f"{scheme}://{reachable(config.host)}:{served.port}/{query}"
    backends = f"{scheme}://{reachable(config.http_host)}:{served.http_port}"
    notes.print(f"page and WebSocket  {page}", highlight=False)
    notes.print(f"HTTP for backends   {backends}", highlight=False)
    if not config.token_secret.get_secret_value():
        notes.print("no secret for tokens is set: loopback only, everybody may do everything")
    notes.print("Ctrl-C stops")


def reachable(host: str) -> str:
    """The host of an address at which a server that listens on `host` is reached from here."""
    if host in {"0.0.0.0", "::"}:  # noqa: S104
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
