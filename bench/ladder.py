"""What the ladder makes of bursts beside always-greedy and always-draft, at prices held fixed.

A discrete-event simulation (bench/simulation.py): no clock, the same arrivals for all three ways,
so a busy machine changes nothing. A price list says what one and eight texts take at each rung; the
worth of a draft, that of what is verified being 1, is an argument too, so that the scheduler is
judged for weights that are yet to come. An answer that was made in time is made better after it
where time is left, as in the service: the ladder has all three rungs.
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
from bench.simulation import MAX_BATCH, Engine, Load, Simulation, Tally
from stream.core.messages import Rung
from workers.core.jobs import Job, Run
from workers.core.ladder import above
from workers.core.limits import Limits
from workers.core.profile import LatencyProfile
from workers.core.schedule import Schedule

TOKENS = 20
DEADLINE_S = 0.15
LOADS = (0.3, 0.6, 0.9, 1.2)
SECONDS = 60.0
RUNGS = (Rung.DRAFT, Rung.VERIFIED, Rung.REFINED)
#: Of a beam's text, where a verified one is worth 1 (workers/models/translation/translation.json).
REFINED_WORTH = 1.003


class Prices(NamedTuple):
    """Milliseconds for one text and for eight together: of a draft, of one that is verified, of
    greedy decoding without any, which gives the same text, and of a beam.
    """

    draft: tuple[float, float]
    verified: tuple[float, float]
    greedy: tuple[float, float]
    refined: tuple[float, float]


PRICES = {
    # one core of an EPYC with VNNI, the weights of 2026-11-28, a calm and a busy machine, and those
    # of 2026-11-29 on another core
    "calm": Prices((5.9, 39.5), (11.4, 38.5), (11.4, 38.5), (16.5, 122.0)),
    "busy": Prices((9.4, 44.4), (21.7, 49.2), (21.7, 49.2), (29.2, 117.0)),
    "quick draft": Prices((9.2, 45.7), (15.9, 55.8), (15.9, 55.8), (30.7, 149.0)),
    # an engine on which a draft is a third of the price at any size: assumed
    "cheap draft": Prices((4.0, 20.0), (12.0, 60.0), (12.0, 60.0), (24.0, 120.0)),
}


@dataclass(frozen=True, slots=True)
class Texts(Load):
    """Texts of one length to translate, each within the deadline."""

    def job(self, number: int, now: float, chance: Random) -> Job:
        channel = str(chance.randrange(self.channels))
        return Job(str(number), channel, now + DEADLINE_S, TOKENS, self.rungs)


class Line(NamedTuple):
    """Seconds of a batch."""

    fixed_s: float
    each_s: float

    def of(self, batch: int) -> float:
        return self.fixed_s + self.each_s * batch


@dataclass(frozen=True, slots=True)
class Costs(Engine):
    """A line for drafts, and those of all ways to a better text, of which the quickest counts
    (workers/core/shortcut.py).
    """

    ways: Mapping[Rung, tuple[Line, ...]] = field(default_factory=dict)

    def mean_s(self, rung: Rung, batch: int) -> float:
        if rung in self.ways:
            return min(way.of(batch) for way in self.ways[rung])
        return self.fixed_s + self.each_s * batch


def costs(prices: Prices, rungs: tuple[Rung, ...]) -> Costs:
    """Who never drafts decodes greedily."""
    draft, verified, greedy, refined = (line_of(*each) for each in prices)
    ways = (verified, greedy) if Rung.DRAFT in rungs else (greedy,)
    return Costs(*draft, ways={Rung.VERIFIED: ways, Rung.REFINED: (refined,)})


def line_of(one_ms: float, eight_ms: float) -> Line:
    each_s = max((eight_ms - one_ms) / 7, 1e-3) / 1000
    return Line(max(one_ms / 1000 - each_s, 1e-5), each_s)


class Climbing(Simulation):
    """As in the service: an answer is kept, and asked for a better rung until its deadline."""

    def answered(self, run: Run, now: float) -> None:
        super().answered(run, now)
        for job in run.jobs:
            better = above(run.rung, job.rungs)
            if better and now < job.deadline:
                self.policy.add(replace(job, rungs=better, done=run.rung), now)


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
    return Schedule(profile, Limits(max_batch=MAX_BATCH, guard_s=0.0, worth=worth))


RIVALS: dict[str, tuple[Rung, ...]] = {
    "ladder": RUNGS,
    "always greedy": (Rung.VERIFIED,),
    "always draft": (Rung.DRAFT,),
}


class Found(NamedTuple):
    """One way under one load: goodput and quality a text (nothing counts 0), seed by seed."""

    goodput: list[float]
    quality: list[float]


def play(prices: Prices, draft: float, rungs: tuple[Rung, ...], load: float, seeds: int) -> Found:
    """`draft`: the worth of one; `load`: of the capacity in full batches of drafts."""
    engine, found = costs(prices, rungs), Found([], [])
    texts = Texts(rate=load * engine.capacity(), rungs=rungs)
    worth = {Rung.DRAFT: draft, Rung.VERIFIED: 1.0, Rung.REFINED: REFINED_WORTH}
    for seed in range(seeds):
        kept = Kept(worth=worth)
        Climbing(scheduled(engine, worth), engine, texts, SECONDS, seed, kept).play()
        found.goodput.append(kept.shares()["goodput"])
        found.quality.append(kept.quality / kept.jobs)
    return found


def ladder(prices: Prices, draft: float, load: float, seeds: int) -> dict[str, Any]:
    """All three ways, and the ladder's lead over the better of its rivals with a 95 % interval."""
    played = {way: play(prices, draft, rungs, load, seeds) for way, rungs in RIVALS.items()}
    ours, *rivals = played.values()
    found: dict[str, Any] = {"load": load}
    for figure in Found._fields:
        mine = getattr(ours, figure)
        theirs = max((getattr(rival, figure) for rival in rivals), key=fmean)
        found |= {f"{figure}, {way}": mean(getattr(each, figure)) for way, each in played.items()}
        found |= lead(figure, mine, theirs)
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
    parser.add_argument("--worth", nargs="+", type=float, default=[0.82, 0.92], help="of a draft")
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
