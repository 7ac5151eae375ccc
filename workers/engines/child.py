"""The parent's side of one life of an engine's process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Self

from stream.core.errors import EngineError, EngineLost, EngineMissing
from stream.core.messages import Rung
from workers.engines.codec import (
    HEADER_BYTES,
    Answers,
    Failed,
    Forget,
    Hurry,
    Ready,
    Reply,
    Run,
    Unfit,
    decode_length,
    decode_reply,
    encode_frame,
)
from workers.ports import Answer, Card, Question

STANDARD_ERROR = 2
READ_BUFFER_BYTES = 1 << 20
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)
"""Two processes of one thread beat one of two under load (design: models, section 1)."""


class Child:
    """A process that runs `host`; one caller at a time. It ends when its socket is closed."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._awaited_bytes: int | None = None
        self._runs = 0

    @classmethod
    async def spawn(cls, factory: str, options: Mapping[str, Any]) -> Self:
        """In a session of its own: an interrupt at the terminal is for the parent alone."""
        ours, theirs = socket.socketpair()
        with theirs:
            reader, writer = await asyncio.open_connection(sock=ours, limit=READ_BUFFER_BYTES)
            try:
                # Nothing may be awaited after this: a process without an owner would be left.
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "workers.engines.host"),
                    *(factory, json.dumps(dict(options)), str(theirs.fileno())),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=STANDARD_ERROR,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,
                    env=os.environ | ONE_THREAD,
                )
            except BaseException:
                writer.close()
                raise
        return cls(process, reader, writer)

    @property
    def pid(self) -> int:
        return self._process.pid

    async def wait_ready(self) -> Card:
        """Raises EngineMissing where trying again is vain, else EngineError."""
        match await self._receive():
            case Ready(card):
                return card
            case Unfit(message, missing):
                raise (EngineMissing if missing else EngineError)(message)
            case reply:
                raise EngineLost(f"engine began with {type(reply).__name__}, expected Ready")

    async def ask(self, rung: Rung, questions: Sequence[Question]) -> Sequence[Answer]:
        """Raises EngineError in the engine's words, EngineLost when the process is astray or gone.

        After cancellation the reply of this run is passed over by the next.
        """
        self._runs += 1
        self._writer.write(encode_frame(Run(self._runs, rung, tuple(questions))))
        while True:
            match await self._receive():
                case Answers(id=run, answers=answers) if run == self._runs:
                    return self._checked(answers, len(questions))
                case Failed(id=run, message=message) if run == self._runs:
                    raise EngineError(message)
                case Answers(id=run) | Failed(id=run) if run < self._runs:
                    continue
                case reply:
                    raise EngineLost(f"engine said {type(reply).__name__}, expected Answers")

    def hurry(self) -> None:
        """Whoever asked last wants the answers now."""
        if not self._writer.is_closing():
            self._writer.write(encode_frame(Hurry(self._runs)))

    @staticmethod
    def _checked(answers: Sequence[Answer], expected: int) -> Sequence[Answer]:
        if len(answers) != expected:
            raise EngineLost(f"engine gave {len(answers)} answers, expected {expected}")
        return answers

    def forget(self, stream: str) -> None:
        if not self._writer.is_closing():
            self._writer.write(encode_frame(Forget(stream)))

    async def _receive(self) -> Reply:
        """The next reply; cancellation between header and payload loses neither."""
        try:
            if self._awaited_bytes is None:
                header = await self._reader.readexactly(HEADER_BYTES)
                self._awaited_bytes = decode_length(header)
            payload = await self._reader.readexactly(self._awaited_bytes)
        except (EOFError, ConnectionError) as error:
            raise EngineLost("engine's process ended") from error
        self._awaited_bytes = None
        return decode_reply(payload)

    def kill(self) -> None:
        """At once, also when it is stopped or hangs in a native library."""
        if self._process.returncode is None:
            # Its own `kill` would first reap a process that has just ended, behind asyncio's back.
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)

    async def wait(self) -> int:
        """Until the process is gone; its exit status, negative for a signal."""
        return await self._process.wait()

    async def end(self, stop_s: float) -> None:
        """Close the pipe, wait for the process to go by itself, else kill it."""
        self._writer.close()
        try:
            async with asyncio.timeout(stop_s):
                await self._process.wait()
        except TimeoutError:
            pass
        finally:
            self.kill()
        await self._process.wait()
