"""Many channels, many subscribers, one minute: is any final lost, doubled or out of order?

Publishers and subscribers live in this process, the service in another. Every subscriber of a
channel must get the same finals, each once, in the order of the audio, and as many as were spoken.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson
from websockets.asyncio.client import connect

from bench.figures import last_line, row, summary
from bench.stack import SCRIPTED, Address, Stack, running
from stream.client import Server, connected
from stream.core import wire
from stream.core.messages import Closed, Opened
from stream.core.requests import Close, Open, Subscribe

PIECE_S = 0.16
PIECE = bytes(2 * int(16_000 * PIECE_S))
SEGMENT_S = 3.2


@dataclass
class Tally:
    """What one subscriber got: starts of finals, and milliseconds of all captions."""

    channel: str
    finals: list[str] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)


async def soak(address: Address, channels: int, subscribers: int, seconds: float) -> list[Tally]:
    tallies = [Tally(f"c{number % channels}") for number in range(subscribers)]
    ready = asyncio.Semaphore(0)
    async with asyncio.TaskGroup() as tasks:
        listening = [tasks.create_task(_listen(address.url, each, ready)) for each in tallies]
        for _ in tallies:
            await ready.acquire()
        async with asyncio.TaskGroup() as publishing:
            for number in range(channels):
                delay = PIECE_S * number / channels
                publishing.create_task(_publish(address.url, f"c{number}", delay, seconds))
        await asyncio.sleep(1.0)
        for task in listening:
            task.cancel()
    return tallies


async def _listen(url: str, tally: Tally, ready: asyncio.Semaphore) -> None:
    async with connect(f"{url}/v1/stream", compression=None, proxy=None) as socket:
        request = Subscribe(id="s", channel=tally.channel, kinds=("captions",))
        await socket.send(wire.encode_request(request).decode())
        await socket.recv()
        ready.release()
        async for data in socket:
            message = orjson.loads(data)
            if message["type"] != "caption":
                continue
            tally.latencies.append(message["latency"]["total_ms"])
            if message["final"]:
                tally.finals.append(message["segment"])


async def _publish(url: str, channel: str, delay: float, seconds: float) -> None:
    async with connected(Server(url)) as client:
        await client.send(Open(id="o", channel=channel))
        await client.expect(Opened, "o")
        await asyncio.sleep(delay)
        began = time.monotonic()
        for piece in range(1, int(seconds / PIECE_S) + 1):
            await asyncio.sleep(max(0.0, began + piece * PIECE_S - time.monotonic()))
            await client.send_audio(PIECE)
        await client.send(Close(id="x", channel=channel))
        await client.expect(Closed, "x")


def judge(tallies: Sequence[Tally], seconds: float) -> dict[str, int]:
    """Finals that are missing, doubled or out of order, over all subscribers."""
    expected = -(-int(seconds / PIECE_S) * PIECE_S // SEGMENT_S)
    starts = [[int(f.rpartition("-")[2]) for f in tally.finals] for tally in tallies]
    return {
        "finals": sum(map(len, starts)),
        "lost": sum(max(0, int(expected) - len(set(each))) for each in starts),
        "doubled": sum(len(each) - len(set(each)) for each in starts),
        "reordered": sum(each != sorted(each) for each in starts),
    }


async def main(arguments: argparse.Namespace) -> None:
    stack = Stack(engines={"captions": SCRIPTED}, kafka=arguments.kafka)
    async with running(stack) as address:
        tallies = await soak(address, arguments.channels, arguments.subscribers, arguments.seconds)
    found = judge(tallies, arguments.seconds)
    latency = summary([ms for tally in tallies for ms in tally.latencies])
    print(row("finals", found))
    print(row("arrival to write, ms", latency))
    print(last_line("soak", {**vars(arguments), **found, "latency_ms": latency}))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.soak",
        description=__doc__,
        epilog="example: python -m bench.soak --channels 50 --subscribers 1000 --seconds 60",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--channels", type=int, default=50)
    parser.add_argument("--subscribers", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--kafka", default="", help="HOST:PORT of a broker")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main(parse()))
