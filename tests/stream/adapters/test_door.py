"""The door: requests in pieces, in a row and in a flood, and everything else left to uvicorn."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any, cast

import orjson
import pytest
import uvicorn
import uvloop
from starlette.applications import Starlette
from uvicorn.server import ServerState

from stream.adapters.http import Desk, HttpServer, Room
from stream.adapters.http.door import AHEAD_BYTES, KEEP_ALIVE_S, LINE, Door
from stream.adapters.http.kernel import since_last_data_s
from stream.adapters.memory import MemoryBus
from stream.adapters.tokens import NoTokens
from stream.backend import Backend, BackendLimits
from stream.core.access import Permissions
from stream.core.moderations import Moderation
from stream.core.policies import Policy
from stream.core.settings import ChannelSettings
from stream.gate import Gate
from stream.translating import Translator
from tests.stream.adapters.test_http import judge
from tests.support import virtual
from tests.support.served import Served, moderating, served

Told = Callable[[Any], None]


class Wire(asyncio.Transport):
    """What a door writes, and whether it reads and is open."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.times: list[float] = []
        self.closed = self.paused = False

    def write(self, data: Any) -> None:
        self.written += data
        self.times.append(asyncio.get_running_loop().time())

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def answers(self) -> Iterator[tuple[int, dict[str, Any]]]:
        rest = self.written
        while rest:
            head, _, rest = rest.partition(b"\r\n\r\n")
            length = int(head.rpartition(b"content-length: ")[2])
            yield int(head.split()[1]), orjson.loads(rest[:length])
            rest = rest[length:]


class Judges:
    """The gate as backends reach it; it costs its loop time to ask it, and less to be refused."""

    def __init__(self, backend: Backend, takes_s: Callable[[float], float]) -> None:
        self._backend = backend
        self._takes_s = takes_s
        self.asked: list[str] = []

    def verify(self, token: str | None) -> Permissions:
        return NoTokens().verify(token)

    def policy(self, channel: str) -> Policy:
        return self._backend.policy(channel)

    def judge(
        self, asked: Moderation, bearer: Permissions, told: Told, waited_s: float = 0.0
    ) -> None:
        loop = cast(virtual.VirtualLoop, asyncio.get_running_loop())
        loop.spend(self._takes_s(waited_s))
        self.asked += asked.texts
        self._backend.judge(asked, bearer, told, waited_s)


class Hall:
    """Doors to a gate that no worker answers, so that the policy does: by the deadline, or at once
    where a request has waited for too long.
    """

    def __init__(self, takes_s: Callable[[float], float] = lambda waited_s: 0.0) -> None:
        clock = virtual.VirtualClock()
        bus = MemoryBus(clock, "here", partitions=1)
        settings = ChannelSettings()
        self.gate = Gate(bus, clock, "gw", settings)
        limits = BackendLimits(texts_burst=1e9)
        backend = Backend(self.gate, Translator(bus, clock, "gw"), settings, clock, limits)
        self.room = Room()
        self.judges = Judges(backend, takes_s)
        self.desk = Desk(self.judges, lambda: "1", self.room, clock)
        self.state = ServerState()
        self.config = uvicorn.Config(_nothing, lifespan="off", log_config=None)

    def open(self, came: Callable[[], float] | None = None) -> tuple[Door, Wire]:
        """A door; its kernel says that the last data has come at `came`."""
        now = asyncio.get_running_loop().time

        def since_last_data(descriptor: int) -> float:
            return now() - came() if came else 0.0

        door = Door(self.desk, self.config, self.state, {}, None, since_last_data=since_last_data)
        wire = Wire()
        door.connection_made(wire)
        return door, wire


async def _nothing(scope: Any, receive: Any, send: Any) -> None: ...


def request(text: str = "hi", budget_ms: int = 100, field: str = "X: y") -> bytes:
    body = orjson.dumps({"input": text, "budget_ms": budget_ms})
    fields = f"Host: h\r\n{field}\r\nContent-Length: {len(body)}\r\n\r\n"
    return LINE + b"\r\n" + fields.encode() + body


def in_hall(
    test: Callable[[Hall], Awaitable[None]],
    takes_s: Callable[[float], float] = lambda waited_s: 0.0,
) -> None:
    async def main() -> None:
        hall = Hall(takes_s)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(hall.gate.run())
            await test(hall)
            running.cancel()

    virtual.run(main())


@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_a_request_in_pieces_is_one_request(size: int) -> None:
    async def test(hall: Hall) -> None:
        door, wire = hall.open()
        data = request()
        for begin in range(0, len(data), size):
            door.data_received(data[begin : begin + size])
        await asyncio.sleep(1)
        ((status, answer),) = wire.answers()
        assert status == 200
        assert answer["results"][0]["rung"] == "repeat"
        assert (hall.state.total_requests, hall.room.statistics()["under_way"]) == (1, 0)

    in_hall(test)


def test_requests_in_a_row_are_answered_one_after_the_other() -> None:
    async def test(hall: Hall) -> None:
        door, wire = hall.open()
        door.data_received(request("a", 100) + request("b", 50) + request("c", 10) + b"POST")
        assert hall.room.statistics()["under_way"] == 1
        await asyncio.sleep(1)
        assert [status for status, _ in wire.answers()] == [200, 200, 200]
        # what waits behind another of its connection is late, and told at once
        assert wire.times == pytest.approx([0.075] * 3)

    in_hall(test)


def test_who_sends_far_ahead_is_read_no_more_until_it_is_answered() -> None:
    async def test(hall: Hall) -> None:
        door, wire = hall.open()
        door.data_received(request())
        door.data_received(request("a" * AHEAD_BYTES))
        paused = [wire.paused]
        await asyncio.sleep(1)
        assert [*paused, wire.paused] == [True, False]
        assert [status for status, _ in wire.answers()] == [200, 400]

    in_hall(test)


def test_who_does_not_read_is_asked_no_more() -> None:
    async def test(hall: Hall) -> None:
        door, wire = hall.open()
        door.pause_writing()
        door.data_received(request() + request())
        await asyncio.sleep(1)
        assert len(list(wire.answers())) == 1
        door.resume_writing()
        await asyncio.sleep(1)
        assert len(list(wire.answers())) == 2

    in_hall(test)


def test_who_is_gone_is_told_nothing_and_leaves_its_place() -> None:
    async def test(hall: Hall) -> None:
        door, wire = hall.open()
        door.data_received(request())
        door.connection_lost(None)
        await asyncio.sleep(1)
        assert wire.written == b""
        assert hall.room.statistics()["under_way"] == 0
        assert not hall.state.connections

    in_hall(test)


def test_who_asks_for_nothing_is_closed() -> None:
    async def test(hall: Hall) -> None:
        door, wire = hall.open()
        await asyncio.sleep(KEEP_ALIVE_S - 1)
        door.data_received(request())
        await asyncio.sleep(KEEP_ALIVE_S - 1)
        assert not wire.closed
        await asyncio.sleep(3)
        assert wire.closed

    in_hall(test)


def test_at_the_end_what_is_under_way_is_answered_and_the_connection_closed() -> None:
    async def test(hall: Hall) -> None:
        (quiet, still), (busy, moving) = hall.open(), hall.open()
        busy.data_received(request())
        quiet.shutdown()
        busy.shutdown()
        assert (still.closed, moving.closed) == (True, False)
        await asyncio.sleep(1)
        assert moving.closed
        assert b"connection: close\r\n" in moving.written

    in_hall(test)


def test_a_request_that_waited_to_be_read_is_answered_at_once_by_the_policy() -> None:
    async def test(hall: Hall) -> None:
        await asyncio.sleep(1)
        door, wire = hall.open(came=lambda: 0.94)
        door.data_received(request())
        await asyncio.sleep(0)
        ((_, answer),) = wire.answers()
        (result,) = answer["results"]
        assert result["reasons"] == ["the gate is behind, policy hold"]
        assert result["latency"]["total_ms"] == 60
        assert not result["late"]

    in_hall(test)


def test_who_has_waited_long_is_next_and_then_the_newest() -> None:
    async def test(hall: Hall) -> None:
        await asyncio.sleep(1)
        for name, came in (("old", 0.94), ("a", 1.0), ("b", 1.0), ("c", 1.0)):
            door, _ = hall.open(came=partial(float, came))
            door.data_received(request(name))
        await asyncio.sleep(1)
        assert hall.judges.asked == ["old", "c", "b", "a"]

    in_hall(test, lambda waited_s: 0.004)


READ_S, JUDGED_S, GIVEN_UP_S = 0.000_1, 0.001, 0.000_4
"""What a request costs the loop to be read, then to be asked for, or answered by the policy."""
OVERLOAD = 1.3
BEHIND_S = 0.05


def test_beyond_capacity_every_request_is_answered_in_time() -> None:
    """Requests come one by one, 30 % more than the loop can ask for, each poll reads all that have
    come; and the deadlines of those that were asked for are met between.
    """

    async def test(hall: Hall) -> None:
        loop = cast(virtual.VirtualLoop, asyncio.get_running_loop())
        dues = [count * JUDGED_S / OVERLOAD for count in range(1_000)]
        wires: list[Wire] = []
        while len(wires) < len(dues):
            await asyncio.sleep(max(0.0, dues[len(wires)] - loop.time()))
            polled = loop.time()
            for due in [due for due in dues[len(wires) :] if due <= polled]:
                door, wire = hall.open(came=partial(float, due))
                loop.spend(READ_S)
                door.data_received(request())
                wires.append(wire)
        await asyncio.sleep(1)
        found = [list(wire.answers()) for wire in wires]
        assert [status for ((status, _),) in found] == [200] * len(dues)
        reasons = {answer["results"][0]["reasons"][0] for ((_, answer),) in found}
        assert reasons == {"no answer in time, policy hold", "the gate is behind, policy hold"}
        took = [wire.times[0] - due for wire, due in zip(wires, dues, strict=True)]
        assert max(took) <= 0.1

    in_hall(test, lambda waited_s: JUDGED_S if waited_s <= BEHIND_S else GIVEN_UP_S)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_the_kernel_tells_since_when_data_waits() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        before = time.monotonic()
        client.sendall(b"x")
        accepted, _ = server.accept()
        with accepted:
            while not (told_s := since_last_data_s(accepted.fileno())):
                assert time.monotonic() - before < 10
            # the kernel counts in ticks, of which the first may be over at once
            assert told_s <= time.monotonic() - before + 0.01
    with socket.socket(socket.AF_UNIX) as other:
        assert since_last_data_s(other.fileno()) == 0
    assert since_last_data_s(-1) == 0


async def exchange(house: Served, *sent: bytes) -> bytes:
    """What comes back on one connection until the server closes it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.http_port)
    for piece in sent:
        writer.write(piece)
        await writer.drain()
    async with asyncio.timeout(20):
        found = await reader.read()
    writer.close()
    return found


async def converse() -> list[bytes]:
    """A moderation, then another thing; one said in an unusual way; a broken one; a last one."""
    last = b"GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    body = orjson.dumps({"input": "bad", "budget_ms": 10_000})
    size = b"%x\r\n" % len(body)
    chunked = b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + size + body
    async with served() as house, moderating(house, judge):
        return [
            await exchange(house, request("bad", 10_000), last),
            await exchange(house, LINE + b"\r\nHost: h\r\n" + chunked + b"\r\n0\r\n\r\n"),
            await exchange(house, LINE + b"\r\nHost: h\r\nnonsense\r\n\r\n"),
            await exchange(house, request("bad", 10_000, "Connection: close")),
        ]


@pytest.mark.parametrize("make_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_all_else_is_left_to_uvicorn(make_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    with asyncio.Runner(loop_factory=make_loop) as runner:
        mixed, chunked, broken, closing = runner.run(converse())
    assert mixed.count(b"HTTP/1.1 200 OK") == 2
    assert b'"rung":"verified"' in mixed
    assert mixed.endswith(b'{"status":"ok"}')
    assert chunked.startswith(b"HTTP/1.1 200")
    assert b'"flagged":true' in chunked
    assert broken.startswith(b"HTTP/1.1 400")
    assert closing.startswith(b"HTTP/1.1 200")
    assert b"\r\nconnection: close\r\n" in closing


async def turns_to_accept(count: int) -> int:
    """Turns of the loop until so many connections that came at once are taken."""
    hall = Hall()
    server = HttpServer(Starlette(), hall.desk, hall.room)
    port = server.bind("127.0.0.1", 0)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.run())
        clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
        turns = 0
        while server.statistics()["connections"] < count:
            await asyncio.sleep(0)
            turns += 1
        for client in clients:
            client.close()
        server.stop()
    return turns


def test_connections_that_come_at_once_are_taken_in_few_turns_of_the_loop() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(turns_to_accept(160)) < 60
