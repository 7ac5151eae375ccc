"""What the ladder makes of bursts beside those who always take one rung, at prices held fixed.

A discrete-event simulation (bench/simulation.py): no clock, the same arrivals for all ways,
so a busy machine changes nothing. A price list says what one and eight texts take at each rung; the
worth of a draft, that of what is verified being 1, is an argument too, so that the scheduler is
judged for weights that are yet to come. An answer that was made in time is made better after it
where time is left, and runs at better rungs are broken off for those who come, as in the service:
the ladder has all four rungs.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import sqrt
from random import Random
from statistics import fmean, stdev
from typing import Any, NamedTuple

from bench.figures import last_line, row
from bench.prices import PRICES, TOKENS, Costs, Prices, costs
from bench.simulation import MAX_BATCH, Ended, Load, Simulation, Tally
from stream.core.messages import Rung
from workers.core.jobs import Job, Run
from workers.core.ladder import above
from workers.core.limits import Limits
from workers.core.profile import LatencyProfile
from workers.core.schedule import Schedule

DEADLINE_S = 0.15
LOADS = (0.3, 0.6, 0.9, 1.2)
SECONDS = 60.0
RUNGS = (Rung.SKETCH, Rung.DRAFT, Rung.VERIFIED, Rung.REFINED)
#: Of a beam's text, where a verified one is worth 1 (workers/models/translation/translation.json).
REFINED_WORTH = 1.003
#: Of a sketch, where a draft is worth 1.
SKETCH_WORTH = 0.967


@dataclass(frozen=True, slots=True)
class Texts(Load):
    """Texts of one length to translate, each within the deadline."""

    def job(self, number: int, now: float, chance: Random) -> Job:
        channel = str(chance.randrange(self.channels))
        return Job(str(number), channel, now + DEADLINE_S, TOKENS, self.rungs)


class Climbing(Simulation):
    """As in the service: an answer is kept, and asked for a better rung until its deadline; a run
    is broken off where the schedule says so.
    """

    policy: Schedule
    engine: Costs
    _asked_s: float | None = None
    _is_cut = False

    def came(self, job: Job, now: float) -> None:
        super().came(job, now)
        going = self.under_way
        if going is None or self._asked_s is not None or not self.policy.breaks(going.run):
            return
        self._asked_s = now - going.began
        ends_s = self.engine.broken_s(going.run, self._asked_s, going.took_s)
        self._is_cut = ends_s < going.took_s
        self.begin(going.run, going.began, ends_s)

    def ended(self, what: Ended, now: float) -> None:
        asked_s, self._asked_s = self._asked_s, None
        if asked_s is None:
            super().ended(what, now)
            return
        self.policy.broke(what.run, asked_s, what.took_s, now)
        if not self._is_cut:
            self.answered(what.run, now)
        elif what.run.improves:  # none of it counts, which is less than the engine gives
            self._ask(what.run.jobs, now)
        else:
            self.answered(replace(what.run, rung=self.engine.lowest), now)

    def answered(self, run: Run, now: float) -> None:
        super().answered(run, now)
        better = {job.id: above(run.rung, job.rungs) for job in run.jobs}
        jobs = [replace(job, rungs=better[job.id], done=run.rung) for job in run.jobs]
        self._ask([job for job in jobs if job.rungs], now)

    def _ask(self, jobs: Sequence[Job], now: float) -> None:
        for job in jobs:
            if now < job.deadline:
                self.policy.add(job, now)


@dataclass(slots=True)
class Kept(Tally):
    """A text that was answered in time counts once, by the worth of what came in time last."""

    worth: Mapping[Rung, float] = field(default_factory=dict)
    quality: float = 0.0

    def answer(self, run: Run, now: float) -> None:
        for job in run.jobs:
            had = self.worth[job.done] if job.done else 0.0
            self.quality += (self.worth[run.rung] - had) * (now <= job.deadline)
        first = tuple(job for job in run.jobs if job.done is None)
        if first:
            Tally.answer(self, replace(run, jobs=first), now)

    def expire(self, jobs: Sequence[Job]) -> None:
        Tally.expire(self, [job for job in jobs if job.done is None])


def scheduled(engine: Costs, worth: dict[Rung, float]) -> Schedule:
    """Has seen a few runs of each size, and goes on learning."""
    profile, chance = LatencyProfile(), Random(1)
    for rung in RUNGS:
        for batch in (1, 2, 4, 8, 16, 32) * 4:
            profile.observe(rung, TOKENS, batch, engine.draw_s(rung, batch, chance), now=0.0)
    limits = Limits(max_batch=MAX_BATCH, guard_s=0.0, worth=worth, interruptible=True)
    return Schedule(profile, limits)


RIVALS: dict[str, tuple[Rung, ...]] = {
    "ladder": RUNGS,
    "always greedy": (Rung.VERIFIED,),
    "always draft": (Rung.DRAFT,),
    "always sketch": (Rung.SKETCH,),
}


class Found(NamedTuple):
    """One way under one load: goodput and quality a text (nothing counts 0), seed by seed."""

    goodput: list[float]
    quality: list[float]


def play(prices: Prices, draft: float, rungs: tuple[Rung, ...], load: float, seeds: int) -> Found:
    """`draft`: the worth of one; `load`: of the capacity in full batches of drafts."""
    engine, found = costs(prices, rungs), Found([], [])
    texts = Texts(rate=load * engine.capacity(), rungs=rungs)
    worths = (SKETCH_WORTH * draft, draft, 1.0, REFINED_WORTH)
    worth = dict(zip(RUNGS, worths, strict=True))
    for seed in range(seeds):
        kept = Kept(worth=worth)
        Climbing(scheduled(engine, worth), engine, texts, SECONDS, seed, kept).play()
        found.goodput.append(kept.shares()["goodput"])
        found.quality.append(kept.quality / kept.jobs)
    return found


def ladder(prices: Prices, draft: float, load: float, seeds: int) -> dict[str, Any]:
    """All ways, the ladder first."""
    played = {way: play(prices, draft, rungs, load, seeds) for way, rungs in RIVALS.items()}
    return {"load": load, **compared(played)}


def compared(played: Mapping[str, Found]) -> dict[str, Any]:
    """Means, and the first way's lead over each of the others with a 95 % interval."""
    ours, *_ = played.values()
    found: dict[str, Any] = {}
    for figure in Found._fields:
        for way, each in played.items():
            found[f"{figure}, {way}"] = mean(getattr(each, figure))
            if each is not ours:
                found |= lead(f"{figure} over {way}", getattr(ours, figure), getattr(each, figure))
    return found


def mean(values: Sequence[float]) -> float:
    return round(fmean(values), 4)


def lead(figure: str, mine: Sequence[float], theirs: Sequence[float]) -> dict[str, float]:
    """Seed by seed, for the arrivals are the same."""
    leads = [ours - other for ours, other in zip(mine, theirs, strict=True)]
    error = stdev(leads) / sqrt(len(leads)) if len(leads) > 1 else 0.0
    return {f"{figure}, lead": mean(leads), f"{figure}, ±": round(1.96 * error, 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prices", nargs="+", choices=list(PRICES), default=list(PRICES))
    parser.add_argument("--worth", nargs="+", type=float, default=[0.92, 0.96], help="of a draft")
    parser.add_argument("--loads", nargs="+", type=float, default=list(LOADS))
    parser.add_argument("--seeds", type=int, default=6)
    options = parser.parse_args()
    figures: dict[str, Any] = {"seeds": options.seeds}
    for name in options.prices:
        for worth in options.worth:
            for load in options.loads:
                found = ladder(PRICES[name], worth, load, options.seeds)
                figures[f"{name}/{worth}/{load}"] = found
                print(row(f"{name}, a draft {worth}", found), flush=True)
    print(last_line("ladder", figures))


if __name__ == "__main__":
    main()
