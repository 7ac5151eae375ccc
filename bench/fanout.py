"""Fan-out to many subscribers on one core: ours, `websockets.broadcast`, and bare `os.write`.

Round by round each sends the same payload, so that a busy machine slows all of them, and waits
until all of it has been read. Ours is the whole way of a post from the in-process bus to the
sockets; the rivals are given the finished bytes. Rounds of one and of five messages: five are what
busy channels say in one tick, and are joined by ours alone. Counted are deliveries per second of
this process's processor time, the kernel's included; the figure is the median round. A caption with
all its fields is about twice as long as 200 bytes, so a post stands in.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count

from websockets.asyncio.server import ServerConnection, broadcast, serve

from bench.figures import last_line, row
from bench.readers import Readers, reading
from stream.adapters.clock import AnchoredClock
from stream.adapters.memory import MemoryBus
from stream.adapters.websocket import WebSocketPeer, WebSocketServer, text_frame
from stream.adapters.websocket.server import Hooks, ServerLimits
from stream.core import wire
from stream.core.access import EVERYTHING
from stream.core.errors import NotAllowed
from stream.core.messages import Post
from stream.core.outbox import Outbox
from stream.core.pages import Page
from stream.core.records import Origin, Topic
from stream.core.requests import Subscribe
from stream.fanout import Fanout
from stream.ports import Peer
from stream.running import run

CHANNEL = "bench"
SERVER_CORE, READERS_CORE = 0, 1
MESSAGES = (1, 5)
WARM_ROUNDS = 10
CURSOR = "A" * 47

Send = Callable[[int], Awaitable[None]]
"""Sends so many messages to every subscriber."""


class Ours:
    """A fan-out on the in-process bus, and the real server's peers, all subscribed."""

    def __init__(self, size: int) -> None:
        self.peers: list[Peer] = []
        self._clock = AnchoredClock()
        self._bus = MemoryBus(self._clock, "bench", partitions=1)
        self._fanout = Fanout(self._bus, self._clock, "bench", text_frame, lambda *_: None)
        self._names = count(1_000_000)
        self._text = "x" * (size - len(wire.encode_message(self._post("1000000", ""))))

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        hooks = Hooks(
            serve=self._talk,
            drained=self._fanout.drain,
            verify=lambda _: EVERYTHING,
            page=_no_page,
            outbox=Outbox,
        )
        server = WebSocketServer(hooks, ServerLimits(), local=True)
        port = await server.bind("127.0.0.1", 0)
        running = asyncio.create_task(self._fanout.run())
        await self._fanout.ready.wait()
        await server.accept()
        try:
            yield port
        finally:
            running.cancel()
            server.stop_accepting()
            await server.wait_closed(0.1)

    async def send(self, messages: int) -> None:
        for _ in range(messages):
            name = str(next(self._names))
            origin = Origin(owner="bench", arrived=self._clock.now(), budget_ms=200)
            value, headers = wire.encode_result(self._post(name, self._text), origin)
            self._bus.publish_nowait(Topic.EVENTS, CHANNEL, value, headers)

    def _post(self, name: str, text: str) -> Post:
        return Post(channel=CHANNEL, post=name, author="bench", text=text, cursor=CURSOR)

    async def _talk(self, peer: WebSocketPeer) -> None:
        self._fanout.subscribe(peer, Subscribe(channel=CHANNEL, id="s"), moderator=False)
        self.peers.append(peer)
        await peer.wait_closed()
        self._fanout.forget(peer)


class Rivals:
    """The library's own server; both rivals write to its connections."""

    def __init__(self, size: int) -> None:
        self.connections: list[ServerConnection] = []
        self._payload = "x" * size
        self._frame = text_frame(self._payload.encode())

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        async with serve(
            self._talk, "127.0.0.1", 0, compression=None, ping_interval=None
        ) as server:
            yield server.sockets[0].getsockname()[1]
            server.close(close_connections=False)
            for connection in self.connections:
                connection.transport.abort()

    async def broadcast(self, messages: int) -> None:
        for _ in range(messages):
            broadcast(self.connections, self._payload)

    async def write(self, messages: int) -> None:
        sockets = [each.transport.get_extra_info("socket") for each in self.connections]
        descriptors = [each.fileno() for each in sockets]
        for _ in range(messages):
            for descriptor in descriptors:
                os.write(descriptor, self._frame)

    async def _talk(self, connection: ServerConnection) -> None:
        self.connections.append(connection)
        await connection.wait_closed()


class Race:
    """Lets each way of sending run for some rounds, and counts what arrives."""

    def __init__(self, readers: Readers, frame_bytes: int, subscribers: int) -> None:
        self._readers = readers
        self._frame_bytes = frame_bytes
        self._subscribers = subscribers

    async def run(self, send: Send, port: int, messages: int) -> float:
        """Deliveries a second of processor time, in one round."""
        deliveries = messages * self._subscribers
        expected = self._readers.received(port) + deliveries * self._frame_bytes
        began = time.process_time()
        await send(messages)
        await self.settle(port, expected)
        return deliveries / (time.process_time() - began)

    async def settle(self, port: int, expected: int) -> None:
        """Wait until all has been read; the next round then finds empty buffers."""
        async with asyncio.timeout(60):
            while self._readers.received(port) < expected:  # noqa: ASYNC110 - in another process
                await asyncio.sleep(0.002)
        assert self._readers.received(port) == expected, "more was read than sent"


async def measure(arguments: argparse.Namespace) -> dict[str, float]:
    """The median round of each way."""
    ours, rivals = Ours(arguments.size), Rivals(arguments.size)
    frame_bytes = len(text_frame(b"x" * arguments.size))
    found: dict[str, list[float]] = {}
    async with ours.serving() as our_port, rivals.serving() as their_port:
        with reading([our_port, their_port], arguments.subscribers, READERS_CORE) as readers:
            await _connected(ours, rivals, arguments.subscribers)
            race = Race(readers, frame_bytes, arguments.subscribers)
            ways: list[tuple[str, Send, int]] = [
                ("os_write", rivals.write, their_port),
                ("broadcast", rivals.broadcast, their_port),
                ("ours", ours.send, our_port),
            ]
            for messages in MESSAGES:
                for number in range(WARM_ROUNDS + arguments.rounds):
                    for name, send, port in ways:
                        rate = await race.run(send, port, messages)
                        if number >= WARM_ROUNDS:
                            found.setdefault(f"{name}_{messages}", []).append(rate)
    return {name: statistics.median(rates) for name, rates in found.items()}


async def _connected(ours: Ours, rivals: Rivals, subscribers: int) -> None:
    async with asyncio.timeout(60):
        while min(len(ours.peers), len(rivals.connections)) < subscribers:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)  # what `subscribed` says has been read by then


async def _no_page(*_: object) -> Page:
    raise NotAllowed("no pages here")


async def main(arguments: argparse.Namespace) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.sched_setaffinity(0, {SERVER_CORE})
    found = await measure(arguments)
    figures: dict[str, object] = {}
    for messages in MESSAGES:
        rates = {name: found[f"{name}_{messages}"] for name in ("os_write", "broadcast", "ours")}
        ratios = {
            "to_broadcast": round(rates["ours"] / rates["broadcast"], 2),
            "to_os_write": round(rates["ours"] / rates["os_write"], 2),
        }
        shown = {name: f"{rate / 1000:.1f} k/s" for name, rate in rates.items()}
        print(row(f"{messages} at a time", {**shown, **ratios}))
        figures[str(messages)] = {**{name: round(rate) for name, rate in rates.items()}, **ratios}
    given = {"subscribers": arguments.subscribers, "bytes": arguments.size}
    print(last_line("fanout", {**given, **figures}))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.fanout",
        description=__doc__,
        epilog="example: python -m bench.fanout --subscribers 1000 --rounds 100",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--subscribers", type=int, default=1000)
    parser.add_argument("--size", type=int, default=200, help="bytes of a message's JSON")
    parser.add_argument("--rounds", type=int, default=100)
    return parser.parse_args()


if __name__ == "__main__":
    run(main(parse()))
