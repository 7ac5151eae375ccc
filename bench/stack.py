"""A whole service in a process of its own, for benchmarks that talk to it from outside."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from stream.adapters.clock import AnchoredClock
from stream.buses import open_bus
from stream.config import Config
from stream.logs import configure_logging
from stream.running import run
from stream.serving import serving
from workers.captions import CaptionLimits
from workers.ports import Task
from workers.service import Service
from workers.worker import Worker

SCRIPTED = "tests.support.scripted:make_engine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """What to start: an engine a task, its options, limits of captions, and a broker ("" for the
    in-process bus).
    """

    engines: Mapping[Task, str]
    options: Mapping[Task, Mapping[str, Any]] = field(default_factory=dict)
    captions: Mapping[str, Any] = field(default_factory=dict)
    kafka: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Address:
    """Where it is reached, and which process it is."""

    url: str
    http: str
    pid: int

    def processor_s(self) -> dict[str, float]:
        """Seconds of processor time by now: of the service, and of its children, the engines."""
        tasks = Path(f"/proc/{self.pid}/task").iterdir()
        children = [pid for task in tasks for pid in (task / "children").read_text().split()]
        return {
            "service": _processor_s(self.pid),
            "engines": sum(_processor_s(int(pid)) for pid in children),
        }


def _processor_s(pid: int) -> float:
    """User and system time (proc(5): the 14th and 15th field, behind the name in brackets)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def running(stack: Stack) -> AsyncIterator[Address]:
    """Start it in a child process; it ends with the context."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.stack",
        json.dumps(asdict(stack)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        told = json.loads(await child.stdout.readline())
        host = "127.0.0.1"
        url, http = f"ws://{host}:{told['port']}", f"http://{host}:{told['http_port']}"
        yield Address(url, http, child.pid)
    finally:
        child.stdin.close()
        await child.wait()


async def serve(stack: Stack) -> None:
    """Serve until standard input ends."""
    config = Config.load(port=0, http_port=0, kafka=stack.kafka, **stack.config)
    clock = AnchoredClock()
    async with (
        open_bus(config, clock, create=True) as bus,
        serving(config, bus, clock) as served,
        asyncio.TaskGroup() as tasks,
    ):
        watches = [_Watch(tasks) for _ in stack.engines]
        running = [
            tasks.create_task(service(task, engine, stack).run(bus, clock, watch.begin))
            for (task, engine), watch in zip(stack.engines.items(), watches, strict=True)
        ]
        for watch in watches:
            await watch.ready.wait()
        print(json.dumps({"port": served.port, "http_port": served.http_port}), flush=True)
        await _end_of_input()
        for each in running:
            each.cancel()


def service(task: Task, engine: str, stack: Stack) -> Service:
    options = {"task": task} if engine == SCRIPTED else {}
    return Service(
        task=task,
        engine=engine,
        member=f"{task}-1",
        life="bench",
        options={**options, **stack.options.get(task, {})},
        limits=CaptionLimits(**stack.captions),
    )


class _Watch:
    """`ready` once the worker that has begun has read for the first time."""

    def __init__(self, tasks: asyncio.TaskGroup) -> None:
        self.ready = asyncio.Event()
        self._tasks = tasks

    def begin(self, worker: Worker) -> None:
        self._tasks.create_task(self._tell(worker))

    async def _tell(self, worker: Worker) -> None:
        await worker.wait_ready()
        self.ready.set()


async def _end_of_input() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stack", help="a Stack as JSON")
    configure_logging("warning")
    run(serve(Stack(**json.loads(parser.parse_args().stack))))


if __name__ == "__main__":
    main()
