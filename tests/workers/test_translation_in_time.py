"""The ladder in virtual time: whatever the engine does, what is ready is told by the deadline."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from stream.core import wire
from stream.core.messages import Rung, Translation
from stream.core.records import Failure, Log, Record, TextJob, Topic
from workers.core.jobs import Expire, Run
from workers.core.limits import Limits
from workers.core.profile import LatencyProfile
from workers.core.schedule import Schedule
from workers.ports import Card, Rendered
from workers.role import Outcome, Timing
from workers.translation import Translating

CARD = Card(
    name="t",
    task="translation",
    rungs=(Rung.DRAFT, Rung.VERIFIED),
    languages=("de",),
    sources=("en",),
)
BUDGET_MS = 150
USUAL_S = {Rung.DRAFT: 0.01, Rung.VERIFIED: 0.03}


class Town:
    """A role, its schedule and one engine, as worker.py has them together; time is a number."""

    def __init__(self, slow: list[float]) -> None:
        self.role = Translating(CARD, "m/1")
        profile = LatencyProfile()
        for rung, usual_s in USUAL_S.items():
            for batch in (1, 2, 4, 8):
                profile.observe(rung, 5, batch, usual_s, now=0.0)
        self.schedule = Schedule(profile, Limits(interruptible=True))
        self.answered: dict[str, float] = {}
        self.results: dict[str, Translation | Failure] = {}
        self.drafted: dict[str, float] = {}
        self.due: dict[str, float] = {}
        self.cut = 0
        self._slow = itertools.cycle(slow)
        self._events: list[tuple[float, int, Any]] = []
        self._order = itertools.count()
        self._running: Run | None = None
        self._began = 0.0
        self._broken_off = False

    def play(self, arrivals: list[float]) -> None:
        for number, at in enumerate(arrivals):
            self.push(at, number)
        while self._events:
            now, _, what = heapq.heappop(self._events)
            if isinstance(what, int):
                self.receive(what, now)
                self.make_way(now)
            elif isinstance(what, Run) and what is self._running:
                self.finish(what, now)
            self.watch(now)
            self.start(now)

    def push(self, at: float, what: Any) -> None:
        heapq.heappush(self._events, (at, next(self._order), what))

    def receive(self, number: int, now: float) -> None:
        job = TextJob(
            id=str(number),
            channel="q",
            text="Hello",
            source="en",
            target="de",
            gateway="g",
            arrived=now,
            budget_ms=BUDGET_MS,
        )
        record = Record(Log(Topic.TEXTS, 0), number, "q", *wire.encode_job(job), 0.0)
        self.due[str(number)] = now + BUDGET_MS / 1000
        self.apply(self.role.receive(record, now), now)

    def watch(self, now: float) -> None:
        """As the worker's watch over deadlines, also of what is in the engine's hands."""
        expired = self.schedule.expired(now)
        jobs = list(expired.jobs) if expired else []
        if self._running:
            jobs += [job for job in self._running.jobs if job.deadline <= now]
        for job in jobs:
            self.apply(self.role.expire(job, now), now)
        if (due := self.schedule.next_due()) is not None and due > now:
            self.push(due, None)

    def start(self, now: float) -> None:
        while self._running is None:
            decision = self.schedule.decide(now)
            if isinstance(decision, Expire):
                for job in decision.jobs:
                    self.apply(self.role.expire(job, now), now)
            elif isinstance(decision, Run):
                asked = [job for job in decision.jobs if self.role.ask(job, now)]
                if asked:
                    self.run(replace(decision, jobs=tuple(asked)), now)
            else:
                return

    def make_way(self, now: float) -> None:
        """A step takes 1 ms, unless the engine hangs."""
        run = self._running
        if run and not self._broken_off and self.schedule.breaks(run):
            self._broken_off = True
            self.push(now + 0.001 * next(self._slow), run)

    def run(self, run: Run, now: float) -> None:
        self._running, self._began, self._broken_off = run, now, False
        took_s = USUAL_S[run.rung] * next(self._slow)
        self.push(now + took_s, run)
        for job in run.jobs:
            self.push(job.deadline, None)

    def finish(self, run: Run, now: float) -> None:
        self._running, broken_off = None, self._broken_off
        took_s = now - self._began
        self.cut += broken_off
        if broken_off:
            self.schedule.broke(run, took_s, took_s, now)
        else:
            self.schedule.observe(run, took_s, now)
        for job in run.jobs:
            self.drafted.setdefault(job.id.rpartition("/")[2], now)
            answer = Rendered(text="", rung=Rung.DRAFT if broken_off else run.rung)
            timing = Timing(self._began, took_s, broken_off)
            self.apply(self.role.answer(job, answer, run.rung, timing), now)

    def apply(self, outcome: Outcome, now: float) -> None:
        for publication in outcome.publications:
            record = Record(Log(publication.topic, 0), 0, "q", *publication.payload, 0.0)
            result, _ = wire.decode_result(record)
            assert isinstance(result, Translation | Failure)
            name = str(result.id)
            assert name not in self.answered, "a request is answered once"
            self.answered[name], self.results[name] = now, result
        for job in outcome.jobs:
            self.schedule.remove(job.id)
            self.schedule.add(job, now)


gaps = st.lists(st.floats(0, 0.05), min_size=1, max_size=40)
slowness = st.lists(st.sampled_from([0.5, 1.0, 1.0, 1.0, 3.0, 50.0]), min_size=1, max_size=10)


@settings(max_examples=80, deadline=None)
@given(gaps, slowness)
def test_a_better_rung_never_answers_late_where_a_lower_one_was_ready(
    gaps: list[float], slow: list[float]
) -> None:
    town = Town(slow)
    town.play(list(itertools.accumulate(gaps)))
    assert town.answered.keys() == town.due.keys()
    for name, at in town.answered.items():
        assert at <= town.due[name] + 1e-9, "the deadline answers, if nothing else does"
        if isinstance(town.results[name], Failure):
            assert town.drafted.get(name, 1e9) >= town.due[name] - 0.02, "a draft was ready"


def test_a_run_is_broken_off_for_whoever_comes_and_its_texts_are_made_better_after() -> None:
    town = Town([1.0])
    town.play([0.0, 0.02, 0.2])
    assert town.cut == 1
    rungs = [town.results[name] for name in ("0", "1", "2")]
    assert [each.rung for each in rungs if isinstance(each, Translation)] == [Rung.VERIFIED] * 3
