"""From ingress to subscriber: sent audio to received caption, with an engine that takes no time.

Publishers send 160 ms of audio at a time, in real time and out of step with each other. Subscribers
live in another process than the server and measure from the moment a piece is handed to a socket to
the moment the caption that covers it has been read. On Kafka the same is done by aiokafka alone,
half of it before and half after, so that the figures can be told from the machine's and broker's.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from typing import Any

from bench.figures import last_line, row, summary
from bench.hops import measure_hops
from bench.stack import SCRIPTED, Stack, running
from stream.client import Client, Server, connected
from stream.core.messages import Caption, Opened, Subscribed
from stream.core.requests import Open, Subscribe
from stream.running import run

PIECE_S = 0.16
PIECE = bytes(2 * int(16_000 * PIECE_S))


async def measure(url: str, channels: int, seconds: float, warm_s: float) -> list[float]:
    """Milliseconds of each caption, those of the first `warm_s` left out."""
    found: list[float] = []
    async with asyncio.TaskGroup() as tasks:
        for number in range(channels):
            delay = PIECE_S * number / channels
            tasks.create_task(_channel(url, f"c{number}", delay, seconds + warm_s, warm_s, found))
    return found


async def _channel(
    url: str, channel: str, delay: float, seconds: float, warm_s: float, found: list[float]
) -> None:
    sent: dict[int, float] = {}
    async with connected(Server(url)) as publisher, connected(Server(url)) as subscriber:
        await subscriber.send(Subscribe(id="s", channel=channel, kinds=("captions",)))
        await subscriber.expect(Subscribed, "s")
        await publisher.send(Open(id="o", channel=channel))
        await publisher.expect(Opened, "o")
        await asyncio.sleep(delay)
        listening = asyncio.create_task(_listen(subscriber, sent, warm_s, found))
        await _send(publisher, seconds, sent)
        await asyncio.sleep(0.5)
        listening.cancel()


async def _send(publisher: Client, seconds: float, sent: dict[int, float]) -> None:
    began = time.monotonic()
    for piece in range(1, int(seconds / PIECE_S) + 1):
        await asyncio.sleep(max(0.0, began + piece * PIECE_S - time.monotonic()))
        sent[piece] = time.monotonic()
        await publisher.send_audio(PIECE)


async def _listen(
    subscriber: Client, sent: dict[int, float], warm_s: float, found: list[float]
) -> None:
    while True:
        message = await subscriber.receive()
        now = time.monotonic()
        if isinstance(message, Caption):
            piece = round(message.audio_end / PIECE_S)
            began = sent.pop(piece, None)
            if began is not None and message.audio_end > warm_s:
                found.append((now - began) * 1000)


async def main(arguments: argparse.Namespace) -> None:
    stack = Stack(engines={"captions": SCRIPTED}, kafka=arguments.kafka)
    bare = await _bare(arguments)
    async with running(stack) as address:
        found = await measure(address.url, arguments.channels, arguments.seconds, arguments.warm_s)
    bare += await _bare(arguments)
    figures: dict[str, Any] = {"bus": "kafka" if arguments.kafka else "memory", **summary(found)}
    print(row("ingress to subscriber, ms", figures))
    if bare:
        alone = summary(bare)
        print(row("aiokafka alone, two hops, ms", alone))
        ratios = {name: round(figures[name] / alone[name], 2) for name in ("p50", "p95", "p99")}
        print(row("ours to aiokafka alone", ratios))
        figures |= {"alone": alone, "to_alone": ratios}
    print(last_line("latency", {"channels": arguments.channels, **figures}))


async def _bare(arguments: argparse.Namespace) -> list[float]:
    """Half a measurement of aiokafka alone; nothing where there is no Kafka."""
    if not arguments.kafka:
        return []
    found = await measure_hops(
        arguments.kafka,
        arguments.channels,
        PIECE,
        PIECE_S,
        arguments.warm_s + arguments.seconds / 2,
    )
    return found[int(arguments.warm_s / PIECE_S * arguments.channels) :]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.latency",
        description=__doc__,
        epilog="example: python -m bench.latency --channels 10 --seconds 20",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--channels", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--warm-s", type=float, default=3.0, help="left out at the beginning")
    parser.add_argument("--kafka", default="", help="HOST:PORT of a broker")
    return parser.parse_args()


if __name__ == "__main__":
    run(main(parse()))
