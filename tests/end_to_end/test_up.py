"""`ontime up` as a user starts and stops it."""

from __future__ import annotations

import os
import socket
from collections import Counter
from signal import SIGINT, SIGTERM, Signals

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.end_to_end import commands
from tests.end_to_end.commands import ANY_PORT, children_of, ports_of, run, up
from tests.end_to_end.speaking import speaker
from tests.support.scripted import SEGMENT_SAMPLES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

FINALS = 4
TRANSLATING = "ontime_worker_translation_"
LINES = ["page and WebSocket", "HTTP for backends", "no secret for tokens", "Ctrl-C stops"]


@pytest.mark.parametrize(("number", "status"), [(SIGINT, 130), (SIGTERM, 0)])
async def test_it_serves_until_a_signal_and_leaves_nothing(number: Signals, status: int) -> None:
    async with up() as command:
        port, http_port = await ports_of(command)
        async with httpx.AsyncClient(trust_env=False) as http:
            page = await http.get(f"http://127.0.0.1:{port}/")
            assert (page.status_code, page.headers["content-type"][:9]) == (200, "text/html")
            for each in (port, http_port):
                assert (await http.get(f"http://127.0.0.1:{each}/healthz")).status_code == 200
        engines = children_of(command)
        assert len(engines) == 3
        async with speaker(port) as peer:
            await peer.ask("pong", type="ping")
            command.signal(number)
            assert await peer.close_code() == 1012
        assert await command.status() == status
        assert [line.split("  ")[0].strip()[:18] for line in command.told] == [
            line[:18] for line in LINES
        ]
        assert not any(is_alive(pid) for pid in engines)


async def test_a_second_one_on_the_same_port_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        status, _, told = await run("up", "--port", port, "--http-port", "0", *commands.ENGINES)
    assert (status, told.count("\n")) == (1, 1)
    assert told.startswith("error: ")
    assert "address already in use" in told


async def test_an_engine_that_is_not_there_is_said_in_one_line_and_nothing_else() -> None:
    status, output, told = await run("up", *ANY_PORT, *commands.ENGINES, "--captions", "no.such:it")
    assert (status, output, told.count("\n")) == (1, "", 1)
    assert told.startswith("error: engine no.such:it needs the package no")


async def test_the_demo_is_heard_and_seen() -> None:
    async with up("--demo") as command:
        assert "/?channel=demo" in command.words
        port, _ = await ports_of(command)
        async with speaker(port) as peer:
            await peer.ask("subscribed", type="subscribe", channel="demo")
            assert (await peer.hear("caption"))["channel"] == "demo"
            assert (await peer.hear("post"))["author"]


async def test_rungs_reached_and_tokens_accepted_are_metrics() -> None:
    """Of growing captions: what is on screen is the draft of what comes next."""
    async with up("--translation", "ctc") as command:
        port, http_port = await ports_of(command)
        async with speaker(port) as peer:
            await peer.ask("subscribed", type="subscribe", channel="news", languages=["de"])
            fields = {"channel": "news", "translate": ["de"], "budget_ms": 4_000}
            await peer.ask("opened", type="open", **fields)
            for _ in range(FINALS * SEGMENT_SAMPLES // 1_600):
                await peer.connection.send(bytes(3_200))
            await peer.say(type="close", channel="news")
            finals: list[str] = []
            while len(finals) < FINALS:
                heard = await peer.hear("translation")
                finals += [heard["rung"]] if heard["final"] else []
        async with httpx.AsyncClient(trust_env=False) as http:
            exposed = (await http.get(f"http://127.0.0.1:{http_port}/metrics")).text
    found = {
        family.name.removeprefix(TRANSLATING): family.samples[0].value
        for family in text_string_to_metric_families(exposed)
        if family.name.startswith(TRANSLATING)
    }
    for rung, count in Counter(finals).items():
        assert found[f"rung_{rung}"] >= count
    counted = ("drafted", "accepted", "passes", "tokens")
    drafted, accepted, passes, tokens = (found[f"{each}_in_verification"] for each in counted)
    assert 0 < accepted <= drafted
    assert 0 < accepted <= tokens
    assert 0 < passes < tokens


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
