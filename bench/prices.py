"""What translations cost, held fixed: measured prices, and an engine that charges them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from bench.simulation import Engine
from stream.core.messages import Rung
from workers.core.jobs import Run

TOKENS = 20
#: Of the price of drafts, what encoding and one pass over whole drafts take, alone and in eights
#: (bench.translation); no run can be broken off within either.
ENCODING, VERIFYING = 0.3, 0.28
#: Of the price of drafts, that of sketches, alone and in eights (bench.translation, 2026-11-29).
SKETCHING = (0.7, 0.63)
#: Of the steps of greedy decoding, those that repair a draft are (by how many texts: the one that
#: needs most decides) 34 % for one, 38 for two, 60 for four, 80 for eight, 93 for sixteen.
STOOD, STOOD_TOO = 0.7, 0.87


class Prices(NamedTuple):
    """Milliseconds for one text and for eight together: of a draft, of one that is verified, of
    greedy decoding without any, which gives the same text, of a beam, and of a sketch, which is
    SKETCHING of the draft's where it was not measured.
    """

    draft: tuple[float, float]
    verified: tuple[float, float]
    greedy: tuple[float, float]
    refined: tuple[float, float]
    sketch: tuple[float, float] | None = None

    def sketched(self) -> tuple[float, float]:
        (one, eight), (one_share, eight_share) = self.draft, SKETCHING
        return self.sketch or (one * one_share, eight * eight_share)


PRICES = {
    # one core of an EPYC with VNNI, the weights of 2026-11-28, a calm and a busy machine, and those
    # of 2026-11-29 on another core
    "calm": Prices((5.9, 39.5), (11.4, 38.5), (11.4, 38.5), (16.5, 122.0)),
    "busy": Prices((9.4, 44.4), (21.7, 49.2), (21.7, 49.2), (29.2, 117.0)),
    "quick draft": Prices((9.2, 45.7), (15.9, 55.8), (15.9, 55.8), (30.7, 149.0)),
    # 2026-11-29, one core of the same kind when little else ran
    "fast": Prices((2.8, 20.4), (5.3, 29.4), (6.2, 18.1), (8.7, 51.0)),
    # 2026-11-29, one core of a Xeon with AMX; what is verified is a sketch
    "sketched": Prices((4.9, 27.3), (11.3, 36.8), (18.7, 39.4), (25.5, 99.2), (3.4, 17.0)),
    # an engine on which a draft is a third of the price at any size: assumed
    "cheap draft": Prices((4.0, 20.0), (12.0, 60.0), (12.0, 60.0), (24.0, 120.0)),
}


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

    def mean_s(self, rung: Rung, batch: int, again: bool = False) -> float:
        if rung not in self.ways:
            return self.fixed_s + self.each_s * batch
        whole_s = min(way.of(batch) for way in self.ways[rung])
        if rung is not Rung.VERIFIED or not again:
            return whole_s
        draft_s = self.mean_s(Rung.DRAFT, batch)
        repairs_s = (1 - STOOD * STOOD_TOO**batch) * TOKENS * self.step_s(batch)
        return (ENCODING + VERIFYING) * draft_s + repairs_s

    def step_s(self, batch: int) -> float:
        """Of greedy decoding, after its encoding."""
        *_, greedy = self.ways[Rung.VERIFIED]
        return (greedy.of(batch) - ENCODING * self.mean_s(Rung.DRAFT, batch)) / TOKENS

    def broken_s(self, run: Run, asked_s: float, took_s: float) -> float:
        """When a run of `took_s` ends that is asked so late to break off: behind the step that it
        is at. Who has no draft then still needs one, unless he would be served sooner without.
        """
        batch = len(run.jobs)
        draft_s, lowest_s = (self.mean_s(rung, batch) for rung in (Rung.DRAFT, self.lowest))
        encoding_s, verifying_s = ENCODING * draft_s, VERIFYING * draft_s
        drafted, greedy = self.ways[Rung.VERIFIED]
        if run.improves:
            marks_s, rest_s = [encoding_s, encoding_s + verifying_s], 0.0
        elif drafted.of(batch) < greedy.of(batch):
            marks_s, rest_s = [lowest_s, lowest_s + verifying_s], 0.0
        else:
            marks_s, rest_s = [encoding_s], lowest_s - encoding_s
        ends = (mark_s for mark_s in marks_s if mark_s > asked_s)
        return min(next(ends, asked_s + self.step_s(batch)) + rest_s, took_s)

    @property
    def lowest(self) -> Rung:
        return Rung.SKETCH if Rung.SKETCH in self.ways else Rung.DRAFT


def costs(prices: Prices, rungs: tuple[Rung, ...]) -> Costs:
    """Who never drafts decodes greedily."""
    draft, verified, greedy, refined = (line_of(*each) for each in prices[:4])
    ways: dict[Rung, tuple[Line, ...]] = {
        Rung.VERIFIED: (verified if Rung.DRAFT in rungs else greedy, greedy)
    }
    if Rung.SKETCH in rungs:
        ways[Rung.SKETCH] = (line_of(*prices.sketched()),)
    return Costs(*draft, ways={**ways, Rung.REFINED: (refined,)})


def line_of(one_ms: float, eight_ms: float) -> Line:
    each_s = max((eight_ms - one_ms) / 7, 1e-3) / 1000
    return Line(max(one_ms / 1000 - each_s, 1e-5), each_s)
