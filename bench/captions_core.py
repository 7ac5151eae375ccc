"""How many live streams one core captions: engine, role and schedule as they are served, on a clock
that goes on by the processor time of each run.

So what else the machine does changes little, and a publisher's and a gateway's work nothing: the
figures lack the 3 to 4 ms from ingress to subscriber (bench/latency.py).
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.broadcast import PIECE_S, Channel, Programme, programme_of
from bench.captions import judge, turn
from bench.figures import last_line, row
from stream.core import wire
from stream.core.messages import Caption
from stream.core.records import SAMPLE_RATE, AudioChunk, Log, Record, Topic
from tests.support.speech import DEMO, read_recording
from workers.captions import CaptionLimits, Captions
from workers.core.jobs import Expire, Run, Wait
from workers.core.profile import LatencyProfile
from workers.core.schedule import Schedule
from workers.engines.registry import find_engine, make_engine
from workers.ports import Engine
from workers.role import Outcome, Timing
from workers.service import limits_of

BUDGET_MS = 400
PIECE = int(PIECE_S * SAMPLE_RATE)
STEP_S = 0.01
"""Of the clock where nothing is to do."""

STALLS_S = 5.0
"""Between two moments in which the machine does something else."""


@dataclass(frozen=True, order=True, slots=True)
class Arrival:
    """A piece of a channel's audio: it has been spoken, and is here, at second `at`."""

    at: float
    channel: int
    start: int
    last: bool


@dataclass
class Core:
    """One engine with one core. `now` is in seconds, `busy_s` how long it ran, `runs` how many jobs
    each of its runs held. The first run in every `STALLS_S` takes `stall_s` longer.
    """

    engine: Engine
    role: Captions
    schedule: Schedule
    channels: Sequence[Channel]
    stall_s: float = 0.0
    stalls: int = 0
    now: float = 0.0
    busy_s: float = 0.0
    runs: list[int] = field(default_factory=list)
    finals: Counter[str] = field(default_factory=Counter)

    def play(self, arrivals: Sequence[Arrival]) -> None:
        """All that arrives is heard, and what is left when nothing arrives any more."""
        coming = sorted(arrivals, reverse=True)
        while coming or len(self.schedule):
            self._receive(coming)
            decision = self.schedule.decide(self.now)
            if isinstance(decision, Run):
                self._run(decision, coming)
            elif isinstance(decision, Expire):
                for job in decision.jobs:
                    self._apply(self.role.expire(job, self.now))
            else:
                self.now = self._next(decision, coming)

    def _next(self, wait: Wait, coming: Sequence[Arrival]) -> float:
        due = [coming[-1].at] if coming else []
        due += [wait.until] if wait.until else []
        return max(self.now, min(due, default=self.now + STEP_S))

    def _receive(self, coming: list[Arrival]) -> None:
        while coming and coming[-1].at <= self.now:
            arrival = coming.pop()
            self._apply(self.role.receive(self._record(arrival), arrival.at))

    def _record(self, arrival: Arrival) -> Record:
        samples = self.channels[arrival.channel].programme.audio
        chunk = AudioChunk(
            channel=f"c{arrival.channel}",
            epoch="e",
            start=arrival.start,
            pcm=samples[arrival.start : arrival.start + PIECE].tobytes(),
            arrived=arrival.at,
            budget_ms=BUDGET_MS,
            last=arrival.last,
        )
        log = Log(Topic.AUDIO, 0)
        return Record(log, arrival.start, chunk.channel, *wire.encode_audio(chunk), timestamp=0.0)

    def _run(self, run: Run, coming: list[Arrival]) -> None:
        asked = [(job, q) for job in run.jobs if (q := self.role.ask(job, self.now))]
        began, spent = self.now, time.process_time()
        answers = self.engine.run(run.rung, [question for _, question in asked])
        took_s = time.process_time() - spent + self._stall()
        self.now += took_s
        self.busy_s += took_s
        self.runs.append(len(asked))
        self._receive(coming)
        jobs = tuple(job for job, _ in asked)
        self.schedule.observe(Run(jobs, run.rung, run.predicted_s), took_s, self.now)
        for job, answer in zip(jobs, answers, strict=True):
            timing = Timing(began, took_s)
            self._apply(self.role.answer(job, answer, run.rung, timing))

    def _stall(self) -> float:
        if self.now < self.stalls * STALLS_S:
            return 0.0
        self.stalls += 1
        return self.stall_s

    def _apply(self, outcome: Outcome) -> None:
        for publication in outcome.publications:
            record = Record(Log(publication.topic, 0), 0, "", *publication.payload, timestamp=0.0)
            result, _ = wire.decode_result(record)
            if isinstance(result, Caption):
                self.channels[int(result.channel[1:])].came.append((self.now, result))
                self.finals[result.rung or ""] += result.final
        for job in outcome.jobs:
            self.schedule.remove(job.id)
            self.schedule.add(job, self.now)
        for stream in outcome.forget:
            self.engine.forget(stream)


def carried(
    engine: Engine, streams: int, seconds: float, stall_s: float, limits: CaptionLimits
) -> dict[str, Any]:
    """Figures of so many streams, each 1/streams of a chunk of 320 ms behind the one before it."""
    recordings = [read_recording(path) for path in sorted(DEMO.glob("*.opus"))]
    most = int(seconds * SAMPLE_RATE)
    programmes = [
        _cut(programme_of(turn(recordings, first, seconds)), most) for first in range(streams)
    ]
    channels = [
        Channel(each, began=0.32 * number / streams) for number, each in enumerate(programmes)
    ]
    role = Captions(engine.card, "bench", limits)
    core = Core(engine, role, Schedule(LatencyProfile(), limits_of(engine.card)), channels, stall_s)
    core.play([each for number, c in enumerate(channels) for each in arrivals(number, c)])
    heard_s = sum(len(each.audio) for each in programmes) / SAMPLE_RATE
    return {
        **judge(channels),
        "finals": dict(core.finals),
        "jobs_a_run": round(sum(core.runs) / len(core.runs), 2),
        "busy": round(core.busy_s / core.now, 3),
        "cpu_ms_a_second": round(1000 * core.busy_s / heard_s, 2),
    }


def _cut(programme: Programme, most: int) -> Programme:
    """All channels end together: a machine that empties tells nothing."""
    upto = most / SAMPLE_RATE
    return Programme(
        programme.audio[:most],
        tuple(each for each in programme.spoken if each[1] + 1 < upto),
        tuple(each for each in programme.voiced if each[1] < upto),
    )


def arrivals(number: int, channel: Channel) -> list[Arrival]:
    total = len(channel.programme.audio)
    return [
        Arrival(
            channel.began + min(start + PIECE, total) / SAMPLE_RATE,
            number,
            start,
            start + PIECE >= total,
        )
        for start in range(0, total, PIECE)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.captions_core", description=__doc__)
    parser.add_argument("--engine", default="conformer")
    parser.add_argument("--streams", default="30,40,50", help="by commas")
    parser.add_argument("--seconds", type=float, default=30.0, help="audio of each stream")
    parser.add_argument("--chunk-ms", type=int, default=320, help="0: as the load has it")
    parser.add_argument("--steady", action="store_true", help="partials seldom taken back")
    parser.add_argument("--stall-ms", type=float, default=0, help="lost in every five seconds")
    arguments = parser.parse_args()
    engine = make_engine(find_engine(arguments.engine, "captions").factory, {})
    fixed = {"chunk_ms": arguments.chunk_ms, "chunk_most_ms": arguments.chunk_ms}
    limits = CaptionLimits(steady=arguments.steady, **(fixed if arguments.chunk_ms else {}))
    figures: dict[str, Any] = {}
    for streams in map(int, arguments.streams.split(",")):
        found = carried(engine, streams, arguments.seconds, arguments.stall_ms / 1000, limits)
        figures[str(streams)] = found
        for figure, value in found.items():
            told = value if isinstance(value, dict) else {"": value}
            print(row(f"x{streams} {figure}", told), flush=True)
    print(last_line("captions_core", figures))


if __name__ == "__main__":
    main()
