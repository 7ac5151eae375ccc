"""The ladder in earnest under bursts, beside those who always take one rung.

Our own engine in its process, a worker and the in-process bus, each text within 150 ms.

All ways get the same texts at the same moments (bench/simulation.py, `Load`), in turns of
`--seconds`, of which the first five are left out: each turn begins as a worker does. A load is
of what the engine drafts a second in full batches, measured at the start. An answer counts where it
is read from the bus in time, by the worth of the rung that it names. It wants a machine on which
nothing else runs.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from msgspec.structs import replace

from bench.figures import last_line, row
from bench.ladder import DEADLINE_S, RIVALS, Found, compared
from bench.simulation import MAX_BATCH, Load
from bench.translation import tested
from stream.adapters.clock import AnchoredClock
from stream.adapters.memory import MemoryBus
from stream.core import wire
from stream.core.messages import Rung, Translation
from stream.core.records import Log, TextJob, Topic
from stream.ports import Reader
from workers.calibrating import calibrate
from workers.core.profile import LatencyProfile
from workers.core.schedule import Schedule
from workers.engines.process import EngineProcess
from workers.ports import Card, Render
from workers.service import limits_of
from workers.translation import Translating
from workers.worker import Worker

WARM_S = 5.0
LETTERS = range(40, 90)
"""Of the texts: about twenty tokens."""
SENTENCES = ("The old man said that he would come back to the house in the evening.",)


@dataclass(slots=True)
class Turn:
    """One way's answers to `texts`, which come at `moments`."""

    engine: EngineProcess
    card: Card
    moments: Sequence[float]
    texts: Sequence[str]
    clock: AnchoredClock = field(default_factory=AnchoredClock)
    due: dict[str, float] = field(default_factory=dict)
    reached: dict[str, Rung] = field(default_factory=dict)

    async def play(self) -> None:
        bus = MemoryBus(self.clock, "bursts")
        profile = LatencyProfile()
        await calibrate(self.engine, self.card, profile, self.clock, int)
        schedule = Schedule(profile, limits_of(self.card))
        role = Translating(self.card, "o")
        worker = Worker(bus, role, self.engine, schedule, clock=self.clock, member="w")
        logs = [Log(Topic.TRANSLATIONS, partition) for partition in range(bus.partitions)]
        reader = await bus.tail(logs, float("inf"))
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(worker.run()), tasks.create_task(self._read(reader))]
            await worker.wait_ready()
            await self._ask(bus)
            await asyncio.sleep(2 * DEADLINE_S)
            for task in running:
                task.cancel()
        await bus.close()

    async def _ask(self, bus: MemoryBus) -> None:
        began = self.clock.now()
        languages = self.card.languages
        for number, moment in enumerate(self.moments):
            if (ahead_s := began + moment - self.clock.now()) > 0:
                await asyncio.sleep(ahead_s)
            now, name = self.clock.now(), str(number)
            self.due[name] = now + DEADLINE_S
            job = TextJob(
                id=name,
                channel=f"c{number % 20}",
                text=self.texts[number % len(self.texts)],
                source="en",
                target=languages[number % len(languages)],
                gateway="g",
                arrived=now,
                budget_ms=round(DEADLINE_S * 1000),
            )
            payload = wire.encode_job(job)
            await bus.publish(Topic.TEXTS, job.channel, payload.value, payload.headers)

    async def _read(self, reader: Reader) -> None:
        while True:
            for record in (await reader.read(500, 0.5)).records:
                result, _ = wire.decode_result(record)
                if isinstance(result, Translation) and self.clock.now() <= self.due[str(result.id)]:
                    self.reached[str(result.id)] = result.rung

    def found(self, worth: Mapping[Rung, float]) -> tuple[float, float]:
        """Goodput, and quality a text, after the first seconds."""
        counted = [str(place) for place, at in enumerate(self.moments) if at >= WARM_S]
        answered = [self.reached[name] for name in counted if name in self.reached]
        worths = sum(worth[rung] for rung in answered)
        return len(answered) / len(counted), worths / len(counted)


async def capacity(engine: EngineProcess, texts: Sequence[str]) -> float:
    """Drafts a second in full batches."""
    clock = AnchoredClock()
    questions = [
        Render(text=texts[number % len(texts)], source="en", target=engine.card.languages[0])
        for number in range(MAX_BATCH)
    ]
    took_s = []
    for _ in range(12):
        began = clock.now()
        await engine.run(Rung.DRAFT, questions, 10.0)
        took_s.append(clock.now() - began)
    return MAX_BATCH / median(took_s)


def texts_of(data: Path | None) -> list[str]:
    if data is None:
        return [*SENTENCES]
    sources = {source for source, _ in tested(data, "tatoeba", "de") if len(source) in LETTERS}
    return Random(0).sample(sorted(sources), min(len(sources), 2_000))


async def compare(options: argparse.Namespace) -> dict[str, Any]:
    figures: dict[str, Any] = {"rounds": options.rounds, "seconds": options.seconds}
    texts = texts_of(options.data)
    async with EngineProcess("ctc", "translation") as engine:
        figures["drafts_a_second"] = round(full := await capacity(engine, texts), 1)
        print(row("capacity", {"drafts a second": figures["drafts_a_second"]}), flush=True)
        for load in options.loads:
            figures[f"load {load}"] = found = await rounds(engine, texts, load * full, options)
            print(row(f"load {load}", found), flush=True)
    return figures


async def rounds(
    engine: EngineProcess, texts: Sequence[str], rate: float, options: argparse.Namespace
) -> dict[str, Any]:
    worth = {Rung.VERIFIED: 1.0, **engine.card.worth}
    played = {way: Found([], []) for way in RIVALS}
    for seed in range(options.rounds):
        moments = [at for at, _ in Load(rate=rate).arrivals(options.seconds, Random(seed))]
        for way, rungs in RIVALS.items():
            turn = Turn(engine, replace(engine.card, rungs=rungs), moments, texts)
            await turn.play()
            goodput, quality = turn.found(worth)
            played[way].goodput.append(goodput)
            played[way].quality.append(quality)
    return compared(played)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="example: python -m bench.bursts --loads 0.3 0.9 --rounds 4 --data DIR",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--loads", nargs="+", type=float, default=[0.3, 0.6, 0.9])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20.0, help="of a turn")
    parser.add_argument("--data", type=Path, help="the folder with translation/test.*, for texts")
    print(last_line("bursts", asyncio.run(compare(parser.parse_args()))))


if __name__ == "__main__":
    main()
