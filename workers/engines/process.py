"""An engine in a process of its own, watched and started again.

Neither the interpreter lock nor a crash, hang or leak in a native library reaches whoever asks.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import structlog

from stream.core.errors import EngineError, EngineLost
from stream.core.messages import Rung
from workers.engines.child import Child
from workers.engines.registry import find_engine
from workers.ports import Answer, Card, Question, Task

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessLimits:
    """`start_s`: to load and warm up; `stop_s`: to go by itself; `backoff_s`, doubled up to
    `backoff_most_s`: between starts that brought no answer.
    """

    start_s: float = 60.0
    stop_s: float = 1.0
    backoff_s: float = 0.25
    backoff_most_s: float = 10.0


class EngineProcess:
    """An engine by name, from `async with` to its end.

    Entering waits until the engine is warm, and raises EngineMissing or EngineError when it cannot
    be made. Leaving ends the process. In between a process that dies, hangs or talks nonsense is
    killed and replaced; its states are gone, which the caller learns by EngineLost.
    """

    card: Card

    def __init__(
        self,
        name: str,
        task: Task,
        options: Mapping[str, Any] | None = None,
        *,
        limits: ProcessLimits | None = None,
    ) -> None:
        self._name = name
        self._task = task
        self._factory, named = find_engine(name, task)
        self._options = {**named, **(options or {})}
        self._limits = limits or ProcessLimits()
        self._tasks = asyncio.TaskGroup()
        self._turn = asyncio.Lock()
        self._up = asyncio.Event()
        self._fruitless = 0
        self._counts: Counter[str] = Counter()

    async def __aenter__(self) -> Self:
        await self._start()
        await self._tasks.__aenter__()
        self._keeper = self._tasks.create_task(self._keep())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._keeper.cancel()
        ended_by = (kind, error, trace) if kind is asyncio.CancelledError else (None, None, None)
        try:  # what the body raised is not ours to wrap in a group
            await self._tasks.__aexit__(*ended_by)
        finally:
            self._up.clear()
            await self._child.end(self._limits.stop_s)

    async def run(
        self, rung: Rung, questions: Sequence[Question], timeout_s: float
    ) -> Sequence[Answer]:
        """One answer a question, in order; callers take turns.

        Raises EngineError when the engine refuses (its process lives), EngineLost when it gives no
        answer in `timeout_s` or dies. Waiting for a process that is being started does not count.
        """
        async with self._turn:
            child = await self._wait_child()
            try:
                async with asyncio.timeout(timeout_s):
                    answers = await child.ask(rung, questions)
            except TimeoutError:
                self._lose(child, "timeouts")
                raise EngineLost(f"{self._name} gave no answer in {timeout_s:g} s") from None
            except EngineLost:
                self._lose(child, "deaths")
                raise
        self._counts["runs"] += 1
        self._fruitless = 0
        return answers

    async def wait_up(self) -> None:
        """Until a process is warm. Raises EngineLost after `start_s`."""
        await self._wait_child()

    def forget(self, stream: str) -> None:
        """Drop a stream's state."""
        if self._up.is_set():
            self._child.forget(stream)

    def hurry(self) -> None:
        """Have the run under way broken off between two of its steps, where the engine can."""
        if self._up.is_set():
            self._child.hurry()

    def statistics(self) -> dict[str, float]:
        counts = {f"engine_{name}": float(count) for name, count in self._counts.items()}
        return {"engine_up": float(self._up.is_set()), **counts}

    @property
    def pid(self) -> int:
        """The process of this moment."""
        return self._child.pid

    async def _wait_child(self) -> Child:
        try:
            async with asyncio.timeout(self._limits.start_s):
                await self._up.wait()
        except TimeoutError:
            raise EngineLost(f"{self._name} is not up after {self._limits.start_s:g} s") from None
        return self._child

    def _lose(self, child: Child, how: str) -> None:
        self._counts[how] += 1
        child.kill()
        if child is self._child:
            self._up.clear()

    async def _start(self) -> None:
        """A warm child in `_child`; of one that fails nothing is left."""
        self._counts["starts"] += 1
        self._child = await Child.spawn(self._factory, self._options)
        try:
            async with asyncio.timeout(self._limits.start_s):
                card = await self._child.wait_ready()
            if card.task != self._task:
                raise EngineError(f"{self._name} does {card.task}, expected {self._task}")
        except BaseException as error:
            self._child.kill()
            await self._child.end(self._limits.stop_s)
            if isinstance(error, TimeoutError):
                raise EngineLost(f"{self._name} was not up in {self._limits.start_s:g} s") from None
            raise
        self.card = card
        self._up.set()

    async def _keep(self) -> None:
        """Replace the child whenever it ends."""
        while True:
            status = await self._child.wait()
            self._up.clear()
            await self._child.end(self._limits.stop_s)
            logger.warning("engine ended", engine=self._name, status=status)
            await self._start_again()

    async def _start_again(self) -> None:
        while True:
            await asyncio.sleep(self._next_delay_s())
            try:
                return await self._start()
            except (EngineError, OSError) as error:
                logger.warning("engine does not start", engine=self._name, error=str(error))

    def _next_delay_s(self) -> float:
        """None after a life that brought answers, then longer and longer."""
        fruitless, self._fruitless = self._fruitless, self._fruitless + 1
        if not fruitless:
            return 0.0
        doubled_s = self._limits.backoff_s * 2.0 ** min(fruitless - 1, 16)
        return min(self._limits.backoff_most_s, doubled_s)
