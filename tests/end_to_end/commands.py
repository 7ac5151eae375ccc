"""The installed command as child processes: what they say is waited for, and all are ended."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from signal import SIGTERM, Signals

from tests.end_to_end import engines

ONTIME = Path(sys.executable).with_name("ontime")
ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 50.0
"""Whoever waits longer waits for nothing; a loaded machine takes ten seconds to start a command."""
PAGE = r"page and WebSocket +(https?)://127\.0\.0\.1:(\d+)/"
BACKENDS = r"HTTP for backends +(https?)://127\.0\.0\.1:(\d+)"
ANY_PORT = ("--port", "0", "--http-port", "0")
ENGINES = (
    *("--captions", engines.CAPTIONS),
    *("--moderation", engines.MODERATION),
    *("--translation", engines.TRANSLATION),
)


class Command:
    """A running `ontime …`; its standard error is read as it comes and kept in `told`."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.told: list[str] = []
        self._more = asyncio.Condition()
        self._over = False
        self._listening = asyncio.create_task(self._listen())

    async def hear(self, pattern: str) -> re.Match[str]:
        """The first line on standard error with this pattern. Fails when none comes."""
        async with asyncio.timeout(PATIENCE_S), self._more:
            while True:
                for line in self.told:
                    if (match := re.search(pattern, line)) is not None:
                        return match
                if self._over:
                    raise AssertionError(f"no line with {pattern!r} in:\n{self.words}")
                await self._more.wait()

    @property
    def words(self) -> str:
        return "".join(self.told)

    def signal(self, number: Signals) -> None:
        self.process.send_signal(number)

    async def end(self, number: Signals = SIGTERM) -> int:
        """Its exit status after this signal."""
        self.signal(number)
        return await self.status()

    async def status(self) -> int:
        async with asyncio.timeout(PATIENCE_S):
            await self._listening
            return await self.process.wait()

    async def kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        await self._listening

    async def _listen(self) -> None:
        assert self.process.stderr is not None
        try:
            async for line in self.process.stderr:
                async with self._more:
                    self.told.append(line.decode())
                    self._more.notify_all()
        finally:
            async with self._more:
                self._over = True
                self._more.notify_all()


@asynccontextmanager
async def ontime(*arguments: str, **environment: str) -> AsyncIterator[Command]:
    """`ontime ARGUMENTS`, killed at the end of the context if it still runs."""
    command = Command(
        await asyncio.create_subprocess_exec(
            ONTIME, *arguments, stdout=PIPE, stderr=PIPE, stdin=PIPE, cwd=ROOT, env=env(environment)
        )
    )
    try:
        yield command
    finally:
        await command.kill()


async def run(*arguments: str, given: bytes = b"", **environment: str) -> tuple[int, str, str]:
    """Status, standard output and standard error of a command that ends by itself."""
    async with ontime(*arguments, **environment) as command:
        process = command.process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(given)
        process.stdin.close()
        async with asyncio.timeout(PATIENCE_S):
            output = await process.stdout.read()
        return await command.status(), output.decode(), command.words


@asynccontextmanager
async def up(*arguments: str, **environment: str) -> AsyncIterator[Command]:
    """`ontime up` with scripted engines on ports that the system chooses, once it serves."""
    async with ontime("up", *ANY_PORT, *ENGINES, *arguments, **environment) as command:
        await command.hear("Ctrl-C stops")
        yield command


async def ports_of(command: Command) -> tuple[int, int]:
    """Of WebSockets and of HTTP for backends."""
    page, backends = await command.hear(PAGE), await command.hear(BACKENDS)
    return int(page[2]), int(backends[2])


def children_of(command: Command) -> list[int]:
    """Process ids, as Linux tells them."""
    pid = command.process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def env(more: dict[str, str]) -> dict[str, str]:
    """This process's environment without its own settings."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("ONTIME_")}
    return {**own, "NO_COLOR": "1", **more}
