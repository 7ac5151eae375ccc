"""A task as a running service: its engine's process, its role and the worker between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

from stream.ports import Bus, Clock
from workers.calibrating import calibrate
from workers.captions import CaptionLimits, Captions
from workers.core.profile import LatencyProfile
from workers.core.schedule import Limits, Schedule
from workers.engines.hubs import SHIPPED, SHIPPED_TRANSLATOR
from workers.engines.process import EngineProcess
from workers.languages import load_detector
from workers.moderation import Moderation, length_of_post
from workers.ports import Card, Task
from workers.role import Role
from workers.translation import Translating
from workers.worker import Worker, WorkerLimits, keep_running

HANG_S: dict[Task, float] = {"captions": 10.0, "moderation": 2.0, "translation": 5.0}
"""An engine that gives no answer for so long is replaced; captions may load a decoder in a run."""
DEFAULT_ENGINES: dict[Task, str] = {
    "captions": SHIPPED,
    "moderation": "cascade",
    "translation": SHIPPED_TRANSLATOR,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One worker of a task.

    `engine`  a name of engines/registry.py, "" for the task's default
    `member`  this worker's place in its group, the same after a restart
    `life`    names this run of it: no two runs have the same
    """

    task: Task
    engine: str = ""
    member: str
    life: str
    options: Mapping[str, Any] = field(default_factory=dict)
    limits: CaptionLimits = field(default_factory=CaptionLimits)
    profile: LatencyProfile = field(default_factory=LatencyProfile)

    async def run(
        self, bus: Bus, clock: Clock, watch: Callable[[Worker], None] = lambda worker: None
    ) -> None:
        """Work until cancelled; `watch` is given each worker that is made.

        Raises EngineMissing.
        """
        name = self.engine or DEFAULT_ENGINES[self.task]
        async with EngineProcess(name, self.task, self.options) as process:
            length_of = length_of_post if self.task == "moderation" else int
            await calibrate(process, process.card, self.profile, clock, length_of)
            await self._keep(process, bus, clock, watch)

    async def _keep(
        self,
        engine: EngineProcess,
        bus: Bus,
        clock: Clock,
        watch: Callable[[Worker], None],
    ) -> None:
        """A new role for each worker: what an old one knew, the bus tells again."""

        def make_worker() -> Worker:
            schedule = Schedule(self.profile, limits_of(engine.card))
            limits = WorkerLimits(hang_s=HANG_S[self.task])
            worker = Worker(
                bus,
                self._role(engine.card),
                engine,
                schedule,
                clock=clock,
                member=self.member,
                limits=limits,
            )
            watch(worker)
            return worker

        await keep_running(make_worker)

    def _role(self, card: Card) -> Role:
        match self.task:
            case "captions":
                return Captions(card, self._owner, self.limits)
            case "moderation":
                return Moderation(card, self._owner)
            case "translation":
                return Translating(card, self._owner, detector=load_detector())

    @property
    def _owner(self) -> str:
        return f"{self.member}/{self.life}"


def limits_of(card: Card) -> Limits:
    """Captions judge by how busy the engine is which rungs they ask for (core/pace.py): their price
    in full batches is not known until there are some.
    """
    limits = Limits(worth=card.worth, interruptible=card.interruptible)
    return replace(limits, ceiling=inf) if card.task == "captions" else limits
