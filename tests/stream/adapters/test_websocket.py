"""Real connections: who gets in, slow readers, hostile frames, and what a GET gets."""

import asyncio
import os
import random
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from stream.adapters.tokens import Tokens
from stream.adapters.websocket import text_frame
from stream.adapters.websocket.handshake import is_loopback, neighbourhood
from stream.adapters.websocket.pinger import INTERVAL_S, TIMEOUT_S, Pinger
from stream.core.messages import Caption
from stream.core.records import Topic
from stream.running import run
from tests.support.served import PATIENCE_S, SECRET, Served, served

PADDING = "x" * 2_000
Scenario = Callable[[Served], Coroutine[Any, Any, None]]


@pytest.fixture
async def house() -> AsyncIterator[Served]:
    async with served() as running:
        yield running


def caption(number: int, *, final: bool, text: str = "") -> Caption:
    return Caption(
        channel="demo",
        segment="e-0" if not final else f"f-{number}",
        revision=number + 1,
        text=f"{number} {text}",
        stable=0,
        final=final,
        start=0.0,
        end=1.0,
        audio_end=1.0,
        budget_ms=200,
    )


async def publish(house: Served, number: int, *, final: bool) -> None:
    topic = Topic.CAPTIONS if final else Topic.PARTIALS
    await house.write(topic, "demo", caption(number, final=final, text=PADDING))


def slow_socket(port: int) -> socket.socket:
    """A connection whose kernel takes little for it."""
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    slow.connect(("127.0.0.1", port))
    slow.setblocking(False)
    return slow


async def wait_published(house: Served, name: str, least: float) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while house.gateway.statistics()["fanout"][name] < least:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def test_a_frame_is_what_the_standard_says() -> None:
    assert text_frame(b"hi") == b"\x81\x02hi"
    assert text_frame(b"x" * 200)[:4] == b"\x81\x7e\x00\xc8"


async def test_a_slow_reader_gets_all_finals_and_the_newest_partial(house: Served) -> None:
    slow = slow_socket(house.port)
    async with house.speaker(sock=slow, max_queue=1) as speaker, house.speaker() as quick:
        for each in (speaker, quick):
            await each.ask("subscribed", type="subscribe", channel="demo")
        speaker.connection.transport.pause_reading()
        for number in range(600):
            await publish(house, number, final=number % 10 == 9)
        await wait_published(house, "records", 600)
        await quick.say(type="ping")
        await quick.hear("pong")
        assert sum(each["type"] == "caption" for each in quick.heard) >= 60
        speaker.connection.transport.resume_reading()
        await speaker.ask("pong", type="ping")
        finals = [each["revision"] for each in speaker.heard if each.get("final")]
        partials = [each["revision"] for each in speaker.heard if each.get("final") is False]
        assert finals == list(range(10, 601, 10))
        assert partials[-1] == 599
        assert partials == sorted(partials)
        assert len(partials) < 540


async def test_who_does_not_read_finals_is_closed_and_nobody_else() -> None:
    async with served(outbox_bytes=50_000) as house, house.speaker() as quick:
        slow = slow_socket(house.port)
        async with house.speaker(sock=slow, max_queue=1) as speaker:
            for each in (speaker, quick):
                await each.ask("subscribed", type="subscribe", channel="demo")
            speaker.connection.transport.pause_reading()
            for number in range(300):
                await publish(house, number, final=True)
                await quick.hear("caption")
            await wait_published(house, "too_slow", 1)
            speaker.connection.transport.resume_reading()
            assert await speaker.close_code() in {4008, None}
        assert house.gateway.statistics()["fanout"]["peers"] == 1


async def handshake(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"GET /v1/stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


MASK = b"\0\0\0\0"
HOSTILE = {
    "unmasked": b"\x81\x02hi",
    "reserved bits": b"\xf1\x80" + MASK,
    "unknown opcode": b"\x83\x80" + MASK,
    "endless": b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff" + MASK,
    "fragmented control": b"\x09\x80" + MASK,
    "long control": b"\x89\xfe\x01\x00" + MASK + bytes(256),
    "continuation of nothing": b"\x80\x80" + MASK,
    "not utf-8": b"\x81\x82" + MASK + b"\xff\xfe",
    "many fragments": b"\x01\x80" + MASK + (b"\x00\x80" + MASK) * 5_000,
    "many pings": (b"\x89\x80" + MASK) * 5_000,
    "close and talk on": b"\x88\x80" + MASK + b"\x81\x82" + MASK + b"{}",
    "http again": b"GET / HTTP/1.1\r\n\r\n",
    "noise": random.Random(7).randbytes(20_000),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_frames_harm_nobody(house: Served, name: str) -> None:
    async with house.speaker() as bystander:
        await bystander.ask("subscribed", type="subscribe", channel="demo")
        _, writer = await handshake(house.port)
        writer.write(HOSTILE[name])
        writer.write_eof()
        await publish(house, 1, final=True)
        assert (await bystander.hear("caption"))["final"]
        writer.close()


async def test_a_flood_is_ended_and_others_are_served_meanwhile() -> None:
    async with (
        served(messages_per_s=100, messages_burst=200) as house,
        house.speaker() as flood,
        house.speaker() as bystander,
    ):
        for _ in range(300):
            await flood.say(type="ping")
        await bystander.ask("pong", type="ping")
        assert await flood.close_code() == 4029
        assert flood.heard[-1]["code"] == "too_many"


async def test_what_waits_to_be_read_is_answered_by_the_policy_and_costs_the_workers_nothing() -> (
    None
):
    posts = 2_000
    async with (
        served(messages_per_s=1e6, messages_burst=1e6) as house,
        house.speaker(max_queue=None) as flood,
    ):
        gate = {"type": "gate", "channel": "chat", "text": "hi", "budget_ms": 10}
        for number in range(posts):
            await flood.say(**gate, id=str(number))
        verdicts = [await flood.hear("verdict") for _ in range(posts)]
        behind = house.gateway.statistics()["gate"]["behind"]
    assert {verdict["id"] for verdict in verdicts} == {str(number) for number in range(posts)}
    told = [each for each in verdicts if each["reasons"] == ["the gate is behind, policy hold"]]
    assert 0 < behind == len(told)
    assert all(each["latency"]["total_ms"] > 5 for each in told)


async def test_who_is_read_in_time_is_never_behind(house: Served) -> None:
    async with house.speaker() as patient:
        for number in range(3):
            await patient.ask("pong", type="ping")
            gate = {"type": "gate", "channel": "chat", "text": "hi", "budget_ms": 2_000}
            await patient.say(**gate, id=str(number))
            await asyncio.sleep(0)
        assert house.gateway.statistics()["gate"]["behind"] == 0


async def test_over_the_number_of_connections_a_peer_is_told() -> None:
    async with served(connections=1) as house, house.speaker() as first:
        await first.ask("pong", type="ping")
        async with house.speaker() as second:
            assert await second.close_code() == 1013
        await first.ask("pong", type="ping")


async def test_who_does_not_finish_the_handshake_is_cut_off() -> None:
    async with served(opening_s=0.1) as house:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
        writer.write(b"GET /v1/stream HTTP/1.1\r\nHost: ")
        async with asyncio.timeout(PATIENCE_S):
            assert await reader.read() == b""
        writer.close()


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        (None, "127.0.0.1", True),
        ("http://127.0.0.1:{port}", "127.0.0.1:{port}", True),
        ("http://localhost:3000", "127.0.0.1:{port}", True),
        ("https://listed.example", "127.0.0.1:{port}", True),
        ("https://evil.example", "127.0.0.1:{port}", False),
        ("http://evil.example:{port}", "evil.example:{port}", False),
        ("null", "127.0.0.1:{port}", False),
        ("http://[", "127.0.0.1:{port}", False),
    ],
)
async def test_only_known_pages_may_connect(origin: str | None, host: str, allowed: bool) -> None:
    async with served(origins=frozenset({"https://listed.example"})) as house:
        headers = {"Host": host.format(port=house.port), "Upgrade": "websocket"}
        headers |= {"Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        headers |= {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
        if origin is not None:
            headers["Origin"] = origin.format(port=house.port)
        request = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
        writer.write(f"GET /v1/stream HTTP/1.1\r\n{request}\r\n".encode())
        async with asyncio.timeout(PATIENCE_S):
            status = int((await reader.readline()).split()[1])
        assert status == (101 if allowed else 403)
        writer.close()


async def test_other_paths_are_no_websockets(house: Served) -> None:
    with pytest.raises(InvalidStatus, match="404"):
        await connect(f"ws://127.0.0.1:{house.port}/other", proxy=None)


async def test_a_get_gets_the_page_and_how_the_gateway_is(house: Served) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{house.port}") as client:
        page = await client.get("/")
        assert page.status_code == 200
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert page.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'self'" in page.headers["content-security-policy"]
        script = await client.get("/ontime.js")
        assert script.headers["content-type"] == "text/javascript; charset=utf-8"
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        assert (await client.get("/readyz")).json() == {"status": "ready"}
        for path in ("/nothing", "/../config.py", "/%2e%2e/config.py", "/v1/channels/a/b"):
            assert (await client.get(path)).status_code == 404
        assert (await client.get("/v1/stream")).status_code == 426
        assert (await client.post("/")).status_code == 405
        head = await client.head("/")
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(len(page.content))


@pytest.mark.parametrize(
    ("ending", "told"),
    [("vtt", "WEBVTT"), ("srt", "00:00:00,000 --> "), ("txt", "1 "), ("json", '"final":true')],
)
async def test_a_channels_subtitles_are_files(house: Served, ending: str, told: str) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{house.port}") as client:
        path = f"/v1/channels/demo/captions.{ending}"
        empty = await client.get(path)
        assert empty.status_code == 200
        await publish(house, 1, final=True)
        async with asyncio.timeout(PATIENCE_S):
            while (found := await client.get(path)).content == empty.content:
                pass
        assert told in found.text


@pytest.mark.parametrize("path", ["//[", "/?" + "a=1&" * 100, "/%ff", "/\x7f", "/" + "a" * 5_000])
async def test_strange_paths_are_answered(house: Served, path: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    async with asyncio.timeout(PATIENCE_S):
        status = int((await reader.readline()).split()[1])
    assert status in {200, 404}
    writer.close()


async def test_subtitles_need_a_token_and_its_right() -> None:
    bearer = Tokens(SECRET).make({"channels": {"demo": ["subscribe"]}})
    async with (
        served(token_secret=SECRET) as house,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{house.port}") as client,
    ):
        headers = {"Authorization": f"Bearer {bearer}"}
        path = "/v1/channels/demo/captions.vtt"
        assert (await client.get(path)).status_code == 401
        assert (await client.get(path, headers=headers)).status_code == 200
        other = await client.get(path.replace("demo", "other"), headers=headers)
        assert other.status_code == 403
        assert other.json()["error"]["code"] == "not_allowed"
        bad = await client.get(path.replace("vtt", "exe"), headers=headers)
        assert bad.status_code == 400


MAKE_CERT = (
    "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost "
    "-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout key.pem -out cert.pem"
)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate of our own and its key."""
    subprocess.run(MAKE_CERT.split(), cwd=tmp_path, check=True, capture_output=True)
    return tmp_path / "cert.pem", tmp_path / "key.pem"


async def test_tls(pair: tuple[Path, Path]) -> None:
    cert, key = pair
    context = ssl.create_default_context(cafile=str(cert))
    async with served(tls_cert=str(cert), tls_key=str(key)) as house:
        url = f"wss://127.0.0.1:{house.port}/v1/stream"
        async with connect(url, ssl=context, proxy=None) as connection:
            await connection.send('{"type": "ping", "id": "p"}')
            assert orjson.loads(await connection.recv())["id"] == "p"
        async with httpx.AsyncClient(verify=context) as client:
            answer = await client.get(f"https://127.0.0.1:{house.http_port}/healthz")
            assert answer.status_code == 200


async def test_tokens_reach_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    bearer = Tokens(SECRET).make({"channels": {"demo": ["subscribe"]}})
    async with served(token_secret=SECRET) as house:
        for token in (bearer, "wrong" + bearer):
            async with house.speaker(token) as speaker:
                with suppress(ConnectionClosed):
                    await speaker.say(type="subscribe", channel="other")
                    await speaker.say(type="nonsense")
        own = [each for each in caplog.records if not each.name.startswith("websockets.client")]
    assert not [each for each in own if bearer in each.getMessage()]


class _Still:
    """A peer that says nothing, as the pinger sees it."""

    def __init__(self, heard: float, *, reading: bool = True) -> None:
        self.heard = heard
        self.is_reading = reading
        self.pings = 0
        self.aborted = False
        self.transport = self

    def ping_soon(self) -> None:
        self.pings += 1

    def abort(self) -> None:
        self.aborted = True


@pytest.mark.parametrize(
    ("silent_s", "reading", "pings", "aborted"),
    [
        (1.0, True, 0, False),
        (INTERVAL_S - 1.0, True, 1, False),
        (INTERVAL_S + TIMEOUT_S + 1.0, True, 0, True),
        (INTERVAL_S + TIMEOUT_S + 1.0, False, 1, False),
    ],
)
def test_silence_is_asked_about_and_then_ended(
    silent_s: float, reading: bool, pings: int, aborted: bool
) -> None:
    still = _Still(100.0 - silent_s, reading=reading)
    Pinger().turn({still}, 100.0)  # type: ignore[arg-type]
    assert (still.pings, still.aborted) == (pings, aborted)


def test_an_address_is_one_host_or_one_network() -> None:
    assert neighbourhood("192.0.2.7") == "192.0.2.7"
    assert neighbourhood("2001:db8::1") == neighbourhood("2001:db8::2")
    assert neighbourhood("2001:db8::1") != neighbourhood("2001:db8:0:1::1")
    assert neighbourhood("") == ""
    assert [is_loopback(name) for name in ("localhost", "127.0.0.9", "::1", "10.0.0.1", "a")] == [
        True,
        True,
        True,
        False,
        False,
    ]


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="counts descriptors in /proc")
async def test_connections_that_end_leave_nothing_behind(house: Served) -> None:
    async def visit() -> None:
        async with house.speaker() as speaker:
            await speaker.ask("subscribed", type="subscribe", channel="demo")

    await visit()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        await visit()
    async with asyncio.timeout(PATIENCE_S):
        while len(os.listdir("/proc/self/fd")) > before or _peers(house):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def _peers(house: Served) -> float:
    return house.gateway.statistics()["fanout"]["peers"]


@pytest.mark.parametrize(
    "scenario",
    [
        test_a_slow_reader_gets_all_finals_and_the_newest_partial,
        test_connections_that_end_leave_nothing_behind,
    ],
)
def test_it_holds_on_the_loop_that_servers_run_on(scenario: Scenario) -> None:
    """uvloop's transports are not asyncio's: they tell later that they are full."""

    async def play() -> None:
        async with served() as house:
            await scenario(house)

    run(play())


def test_who_does_not_read_is_closed_on_the_loop_that_servers_run_on() -> None:
    run(test_who_does_not_read_finals_is_closed_and_nobody_else())


async def test_who_vanishes_with_frames_unread_is_no_error(
    house: Served, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(20):
        async with house.speaker() as speaker:
            for _ in range(50):
                await speaker.connection.send(b'{"type":"ping"}')
            speaker.connection.transport.abort()
    await asyncio.sleep(0.2)
    assert "Traceback" not in caplog.text
