"""Simulates one engine under bursty load and compares what schedulers make of it.

A discrete-event simulation: no clock, fixed seeds, the same arrivals for every policy. Arrivals are
a Markov-modulated compound Poisson process (calm and burst, jobs in clumps). Service times have
noise and a tail. The rivals are told the true 95th percentile of each batch size; ours learns it.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bench.rivals import INFORMED, POLICIES
from bench.simulation import ENGINES, LATE_LIMIT, LOADS, Load, Simulation
from stream.core.messages import Rung


@dataclass(frozen=True, slots=True)
class Row:
    """One policy under one load: means over the seeds, and goodput by seed."""

    engine: str
    load: float
    policy: str
    shares: dict[str, float]
    goodputs: tuple[float, ...]

    @property
    def spread(self) -> float:
        """Standard deviation of goodput over the seeds."""
        return statistics.stdev(self.goodputs) if len(self.goodputs) > 1 else 0.0

    def line(self) -> str:
        shares = {name: 100 * share for name, share in self.shares.items()}
        return (
            f"{self.engine:12} {self.load:4.1f}  {self.policy:16}"
            f"{shares['goodput']:7.1f} ±{100 * self.spread:4.1f}{shares['late']:8.2f}"
            f"{shares['verified']:10.1f}{shares['quiet']:8.1f}{self.shares['batch']:8.1f}"
        )

    def record(self) -> dict[str, object]:
        shares = {name: round(share, 4) for name, share in self.shares.items()}
        spread = round(self.spread, 4)
        return (
            {"engine": self.engine, "load": self.load, "policy": self.policy}
            | shares
            | {"goodput_stdev": spread}
        )


HEADING = (
    f"{'engine':12} {'load':>4}  {'policy':16}{'goodput %':>13}{'late %':>8}"
    f"{'verified %':>10}{'quiet %':>8}{'batch':>8}"
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is played."""

    engines: Sequence[str]
    loads: Sequence[float]
    seeds: int
    seconds: float

    def rows(
        self, policies: Sequence[str], loads: Sequence[float], **traits: object
    ) -> Iterator[Row]:
        """Play each policy under each load; `traits` are those of the load."""
        for name in self.engines:
            for load in loads:
                for policy in policies:
                    yield self.row(name, load, policy, traits)

    def row(self, name: str, load: float, policy: str, traits: dict[str, object]) -> Row:
        engine = ENGINES[name]
        arrivals = Load(rate=load * engine.capacity(), **traits)  # type: ignore[arg-type]
        played = [
            Simulation(POLICIES[policy](engine), engine, arrivals, self.seconds, seed)
            .play()
            .shares()
            for seed in range(self.seeds)
        ]
        means = {key: statistics.fmean(shares[key] for shares in played) for key in played[0]}
        return Row(name, load, policy, means, tuple(shares["goodput"] for shares in played))


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    plan = Plan(options.engines, options.loads, options.seeds, options.seconds)
    compared = show("Policies, drafts only", plan.rows(list(POLICIES), plan.loads))
    two = (Rung.DRAFT, Rung.VERIFIED)
    ladder = show(
        "Two rungs; verified takes three times as long",
        plan.rows(["ours"], (0.1, 0.2, *plan.loads), rungs=two),
    )
    talkative = show(
        "One channel sends 80 %; quiet: goodput of the other 19 together",
        plan.rows([INFORMED, "edf", "ours"], (1.3,), talkative=0.8),
    )
    print(json.dumps(summary(plan, compared, ladder, talkative)))


def show(title: str, rows: Iterator[Row]) -> list[Row]:
    print(f"{title}\n{HEADING}")
    shown = []
    for row in rows:
        print(row.line(), flush=True)
        shown.append(row)
    print()
    return shown


def summary(plan: Plan, compared: list[Row], *others: list[Row]) -> dict[str, object]:
    """The figures, and whether ours holds what is asked of it at every load.

    That is: goodput at least that of the best rival and few late. Against the informed rival, whose
    figures come very near, a lead within two standard errors of nothing counts as a tie.
    """
    mine = [row for row in compared if row.policy == "ours"]
    plain = [row for row in compared if row.policy != INFORMED]
    leads = {f"{row.engine}/{row.load}": lead(row, plain) for row in mine}
    over_informed = {
        f"{row.engine}/{row.load}": lead(
            row, [*mine, *(r for r in compared if r.policy == INFORMED)]
        )
        for row in mine
    }
    late = max(
        row.shares["late"] for rows in (mine, *others) for row in rows if row.policy == "ours"
    )
    return {
        "bench": "schedule",
        "seeds": plan.seeds,
        "seconds": plan.seconds,
        "lead_over_best_rival": {name: found._asdict() for name, found in leads.items()},
        "most_late": round(late, 4),
        "lead_over_informed": {name: found._asdict() for name, found in over_informed.items()},
        "holds": all(found.mean >= 0 for found in leads.values()) and late < LATE_LIMIT,
        "holds_against_informed": all(
            found.mean + 2 * found.error >= 0 for found in over_informed.values()
        ),
        "rows": [row.record() for rows in (compared, *others) for row in rows],
    }


class Lead(NamedTuple):
    """How far goodput lies above the best rival's, seed by seed: mean and standard error."""

    rival: str
    mean: float
    error: float


def lead(mine: Row, rows: Sequence[Row]) -> Lead:
    rivals = [
        row
        for row in rows
        if (row.engine, row.load) == (mine.engine, mine.load) and row.policy != mine.policy
    ]
    best = max(rivals, key=lambda row: row.shares["goodput"])
    leads = [ours - theirs for ours, theirs in zip(mine.goodputs, best.goodputs, strict=True)]
    error = statistics.stdev(leads) / math.sqrt(len(leads)) if len(leads) > 1 else 0.0
    return Lead(best.policy, round(statistics.fmean(leads), 4), round(error, 4))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.schedule",
        description=__doc__,
        epilog="example: python -m bench.schedule --engines core --loads 0.5 1.3 --seeds 5",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--engines", nargs="+", choices=list(ENGINES), default=list(ENGINES))
    parser.add_argument("--loads", nargs="+", type=float, default=list(LOADS), help="of capacity")
    parser.add_argument("--seeds", type=int, default=5, help="seeds 0 to N-1 (default 5)")
    parser.add_argument("--seconds", type=float, default=30.0, help="simulated (default 30)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
