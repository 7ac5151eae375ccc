"""Live captions: how far behind they are, how soon they are final, how often they take words back,
and how many words are wrong.

Live figures go through a whole service: publishers send the demo's recordings in real time, and
subscribers in another process than the service note what comes when. Word errors need the data
folder (--data) and run the same engine in this process, as fast as it goes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.broadcast import Channel, Samples, broadcast, plain, programme_of
from bench.figures import last_line, quantile, row, summary
from bench.stack import Stack, running
from stream.core.records import SAMPLE_RATE
from tests.support.speech import DEMO, read_recording
from workers.engines.registry import find_engine, make_engine
from workers.ports import Audio, Engine, Heard, Hypothesis

ENGINES = ("conformer", "pocketsphinx")
PAUSE = np.zeros(SAMPLE_RATE // 2, np.int16)


async def live(
    engine: str, streams: int, seconds: float, chunk_ms: int, steady: bool
) -> dict[str, Any]:
    """Figures of `streams` channels side by side; chunks as the load has it, or of `chunk_ms`."""
    recordings = [read_recording(path) for path in sorted(DEMO.glob("*.opus"))]
    programmes = [programme_of(turn(recordings, first, seconds)) for first in range(streams)]
    fixed = {"chunk_ms": chunk_ms, "chunk_most_ms": chunk_ms} if chunk_ms else {}
    captions = {"steady": steady, **fixed}
    async with running(Stack(engines={"captions": engine}, captions=captions)) as address:
        channels = await broadcast(address.url, programmes)
    return judge(channels)


def turn(recordings: Sequence[Samples], first: int, seconds: float) -> list[Samples]:
    """Recordings from the `first` on, in a circle, until there are so many seconds."""
    chosen: list[Samples] = []
    while sum(map(len, chosen)) < seconds * SAMPLE_RATE:
        chosen.append(recordings[(first + len(chosen)) % len(recordings)])
    return chosen


def judge(channels: Sequence[Channel]) -> dict[str, Any]:
    spoken_s = sum(last - first for c in channels for first, last in c.programme.spoken)
    delays = [delay for channel in channels for delay in channel.word_delays()]
    words = sum(channel.words() for channel in channels)
    late = [caption.late for c in channels for _, caption in c.came]
    return {
        "lag_ms": summary([lag for c in channels for lag in c.lags()]),
        "first_words_ms": summary([each for c in channels for each in c.first_words()]),
        "word_shown_ms": summary([shown for shown, _ in delays]),
        "word_settled_ms": summary([settled for _, settled in delays]),
        "end_to_final_ms": summary([end for c in channels for end in c.ends()]),
        "false_ends_a_minute": round(sum(c.false_ends() for c in channels) / spoken_s * 60, 2),
        "withdrawn_a_word": round(sum(c.withdrawn() for c in channels) / max(1, words), 3),
        "replaced_a_word": round(sum(c.replaced() for c in channels) / max(1, words), 3),
        "late_share": round(sum(late) / max(1, len(late)), 4),
    }


def word_errors(
    engine: Engine, data: Path, name: str, every: int, chunk_ms: int, *, quiet: bool = False
) -> dict[str, float]:
    """Wrong words and CPU time on every n-th recording of a test set; `quiet`: no partials."""
    lines = (data / "speech" / name / "manifest.jsonl").read_text().splitlines()[::every]
    rates: list[tuple[int, int]] = []
    audio_s = cpu_s = 0.0
    for line in map(json.loads, lines):
        samples = read_recording(data / "speech" / name / Path(line["audio"]).name)
        samples = np.concatenate((PAUSE, samples, PAUSE))
        began = time.process_time()
        said = transcribed(engine, samples, chunk_ms, quiet=quiet)
        cpu_s += time.process_time() - began
        audio_s += len(samples) / SAMPLE_RATE
        reference = plain(line["text"])
        rates.append((distance(reference, plain(said)), len(reference)))
    low, high = interval(rates)
    wrong, words = map(sum, zip(*rates, strict=True))
    return {
        "wer": round(100 * wrong / words, 2),
        "low": low,
        "high": high,
        "words": words,
        "rtf": round(cpu_s / audio_s, 4),
    }


def heard_in(
    engine: Engine, samples: Samples, chunk_ms: int, *, quiet: bool = False
) -> Iterator[Hypothesis]:
    """What an engine makes of a recording that comes in chunks."""
    step = chunk_ms * SAMPLE_RATE // 1000
    for start in range(0, len(samples), step):
        question = Audio(
            stream="bench",
            start=start,
            pcm=samples[start : start + step].tobytes(),
            fresh=start == 0,
            last=start + step >= len(samples),
            quiet=quiet,
            chunk_ms=chunk_ms,
        )
        (heard,) = engine.run(engine.card.rungs[-1], [question])
        assert isinstance(heard, Heard)
        yield from heard.hypotheses


def transcribed(engine: Engine, samples: Samples, chunk_ms: int, *, quiet: bool = False) -> str:
    """The finals of a recording that comes in chunks, spoken words only."""
    found = heard_in(engine, samples, chunk_ms, quiet=quiet)
    return " ".join(said.text for said in found if said.final)


def invented(engine: Engine, data: Path, every: int) -> dict[str, Any]:
    """Words a minute in clips without speech (ESC-10), and in five minutes of digital silence."""
    clips = sorted((data / "noise").glob("*.opus"))[::every]
    heard = [(len(clip), transcribed(engine, clip, 320)) for clip in map(read_recording, clips)]
    silence = np.zeros(300 * SAMPLE_RATE, np.int16)
    words, seconds = sum(len(text.split()) for _, text in heard), sum(n for n, _ in heard)
    return {
        "seconds": round(seconds / SAMPLE_RATE),
        "words": words,
        "a_minute": round(60 * words * SAMPLE_RATE / max(seconds, 1), 3),
        "in_silence": len(transcribed(engine, silence, 320).split()),
    }


def distance(reference: Sequence[str], found: Sequence[str]) -> int:
    """Levenshtein's, in words."""
    before = list(range(len(found) + 1))
    for place, word in enumerate(reference, 1):
        row_ = [place]
        for at, other in enumerate(found, 1):
            change = before[at - 1] + (word != other)
            row_.append(min(before[at] + 1, row_[-1] + 1, change))
        before = row_
    return before[-1]


def interval(rates: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """95 % of 1,000 resamplings of the recordings lie between, in percent."""
    pairs = np.array(rates, np.float64)
    drawn = np.random.default_rng(0).integers(0, len(pairs), (1000, len(pairs)))
    wrong, words = pairs[drawn].sum(1).T
    found = [float(rate) for rate in 100 * wrong / words]
    return round(quantile(found, 0.025), 2), round(quantile(found, 0.975), 2)


def memory(engine: Engine, streams: int = 8) -> float:
    """MiB for each open segment of ten seconds."""
    speech = read_recording(min(DEMO.glob("*.opus")))[: 10 * SAMPLE_RATE].tobytes()
    before = resident_mib()
    for number in range(streams):
        audio = Audio(stream=f"m{number}", start=0, pcm=speech, fresh=True)
        engine.run(engine.card.rungs[-1], [audio])
    grown = resident_mib() - before
    for number in range(streams):
        engine.forget(f"m{number}")
    return round(grown / streams, 2)


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


async def main(arguments: argparse.Namespace) -> None:
    figures: dict[str, Any] = {}
    for name in arguments.engines.split(","):
        for streams in map(int, filter(None, arguments.streams.split(","))):
            found = await live(
                name, streams, arguments.seconds, arguments.live_chunk_ms, arguments.steady
            )
            figures[f"{name}_live_{streams}"] = found
            for figure, value in found.items():
                told = value if isinstance(value, dict) else {"": value}
                print(row(f"{name} x{streams} {figure}", told), flush=True)
        figures |= _offline(name, arguments)
    print(last_line("captions", figures))


def _offline(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    engine = make_engine(find_engine(name, "captions").factory, {"verbatim": True})
    figures: dict[str, Any] = {f"{name}_mib_a_stream": memory(engine)}
    print(row(f"{name} MiB a stream", {"": figures[f"{name}_mib_a_stream"]}), flush=True)
    for test in filter(None, arguments.sets.split(",")) if arguments.data else ():
        for chunk_ms in map(int, arguments.chunks_ms.split(",")):
            place = engine, arguments.data, test, arguments.every, chunk_ms
            found = word_errors(*place, quiet=arguments.quiet)
            figures[f"{name}_{test}_{chunk_ms}"] = found
            print(row(f"{name} {test} {chunk_ms} ms", found), flush=True)
    if arguments.noise and arguments.data:
        figures[f"{name}_noise"] = invented(engine, arguments.data, arguments.every)
        print(row(f"{name} noise", figures[f"{name}_noise"]), flush=True)
    return figures


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.captions",
        description=__doc__,
        epilog="example: python -m bench.captions --streams 1,20 --data DIR --every 10",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--engines", default=",".join(ENGINES), help="names, by commas")
    parser.add_argument("--streams", default="1", help="live channels side by side, by commas")
    parser.add_argument("--seconds", type=float, default=60.0, help="audio of each channel")
    parser.add_argument("--live-chunk-ms", type=int, default=0, help="0: as the load has it")
    parser.add_argument("--steady", action="store_true", help="live partials seldom taken back")
    parser.add_argument("--data", type=Path, help="the data folder, for word errors")
    parser.add_argument("--sets", default="librispeech-test,commonvoice-test", help="by commas")
    parser.add_argument("--every", type=int, default=1, help="every n-th recording of a set")
    parser.add_argument("--quiet", action="store_true", help="word errors without partials")
    parser.add_argument("--noise", action="store_true", help="words where nobody speaks")
    parser.add_argument("--chunks-ms", default="320", help="lengths of chunks, by commas")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main(parse()))
