"""Everything on one machine: the gateway, a worker of each task and, where wanted, the demo."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable, Mapping

from stream.adapters.clock import AnchoredClock
from stream.adapters.media import Recording
from stream.adapters.tokens import Tokens
from stream.buses import open_bus
from stream.client import Server, trust_only
from stream.config import Config
from stream.demo import DEMO_CHANNEL, bundled, play
from stream.running import notes
from stream.serving import Serving, reachable, serving, tell
from workers.captions import CaptionLimits
from workers.ports import Task
from workers.service import Service
from workers.worker import Worker

TASKS: tuple[Task, ...] = ("captions", "moderation", "translation")
NODE = socket.gethostname()


async def up(
    config: Config, engines: Mapping[Task, str], *, limits: CaptionLimits, demo: bool
) -> None:
    """Serve until cancelled; the address is told once all engines are warm.

    Raises what `serving`, the engines or the bus raise.
    """
    clock = AnchoredClock()
    async with (
        open_bus(config, clock, create=True) as bus,
        serving(config, bus, clock) as served,
        asyncio.TaskGroup() as tasks,
    ):
        begun = {task: asyncio.Event() for task in TASKS}
        for task in TASKS:
            member = f"{task}-{NODE}-{served.port}"
            service = make_service(task, engines.get(task, ""), limits, member=member)
            running = service.run(bus, clock, _watch(served, task, begun[task]))
            tasks.create_task(running, name=f"worker: {task}")
        for event in begun.values():
            await event.wait()
        if demo:
            playing = play(_own_server(config, served), bundled(), Recording, clock)
            tasks.create_task(playing, name="demo")
        tell(config, served, f"?channel={DEMO_CHANNEL}" if demo else "")


async def work(config: Config, service: Service) -> None:
    """One worker on the bus that the settings name, until cancelled."""
    clock = AnchoredClock()
    async with open_bus(config, clock) as bus:
        notes.print(f"{service.task} worker {service.member} on {config.kafka}")
        await service.run(bus, clock)


def make_service(task: Task, engine: str, limits: CaptionLimits, *, member: str = "") -> Service:
    return Service(
        task=task,
        engine=engine,
        member=member or f"{task}-{NODE}",
        life=secrets.token_hex(6),
        limits=limits,
    )


def _watch(served: Serving, task: Task, begun: asyncio.Event) -> Callable[[Worker], None]:
    """The task's worker of the moment tells its numbers."""

    def watch(worker: Worker) -> None:
        served.parts[f"worker_{task}"] = worker.statistics
        begun.set()

    return watch


def _own_server(config: Config, served: Serving) -> Server:
    """As the demo reaches it: with TLS it trusts the very certificate that is served."""
    scheme, tls = ("wss", trust_only(config.tls_cert)) if config.tls_cert else ("ws", None)
    return Server(f"{scheme}://{reachable(config.host)}:{served.port}", _demo_token(config), tls)


def _demo_token(config: Config) -> str:
    """The demo publishes and posts as anybody else would; where tokens are wanted it makes one."""
    secret = config.token_secret.get_secret_value()
    if not secret:
        return ""
    claims = {"sub": "demo", "channels": {DEMO_CHANNEL: ["publish", "gate"]}}
    return Tokens(secret).make(claims)
