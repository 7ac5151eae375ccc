"""The Python client against a real gateway: answers, refusals, reconnection and resumption."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest
from websockets.asyncio.server import ServerConnection, serve

from stream import client as module
from stream.adapters.clock import AnchoredClock
from stream.adapters.memory import MemoryBus
from stream.adapters.tokens import Tokens
from stream.client import Server, ServerGone, ServerRefused, connected, follow
from stream.core.errors import Malformed, NoToken
from stream.core.messages import Caption, Opened, Pong, ServerMessage, Subscribed
from stream.core.records import Topic
from stream.core.requests import Close, Open, Ping, Subscribe
from tests.support.facts import caption
from tests.support.served import PARTITIONS, PATIENCE_S, SECRET, Served, served


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.01)


def address(house: Served) -> Server:
    return Server(f"ws://127.0.0.1:{house.port}")


async def next_final(messages: AsyncGenerator[ServerMessage, None]) -> Caption:
    async with asyncio.timeout(PATIENCE_S):
        async for message in messages:
            if isinstance(message, Caption):
                return message
    raise AssertionError("no caption came")


async def test_what_expect_passes_over_is_kept_in_order() -> None:
    async with served() as house, connected(address(house)) as client:
        await client.send(Subscribe(id="s", channel="news"))
        await client.send(Ping(id="1"))
        await client.send(Ping(id="2"))
        assert (await client.expect(Pong, "2")).id == "2"
        assert isinstance(await client.receive(), Subscribed)
        assert await client.receive() == Pong(id="1")


async def test_an_error_to_what_was_asked_is_raised() -> None:
    async with served() as house, connected(address(house)) as client:
        await client.send(Close(id="c", channel="news"))
        with pytest.raises(ServerRefused, match="expected"):
            await client.expect(Opened, "c")


async def test_a_server_that_is_not_there_or_is_none_is_said() -> None:
    with pytest.raises(ServerGone, match=r"no server at ws://127\.0\.0\.1:1"):
        async with connected(Server("ws://127.0.0.1:1")):
            pass
    with pytest.raises(Malformed, match="expected ws://HOST:PORT or wss://HOST:PORT"):
        async with connected(Server("127.0.0.1:8765")):
            pass
    async with served() as house:
        with pytest.raises(ServerGone, match=r"answered with status 404"):
            async with connected(Server(house.http.replace("http", "ws"))):
                pass


async def test_what_a_token_does_not_allow_ends_the_following() -> None:
    async with served(token_secret=SECRET) as house:
        url = address(house).url
        with pytest.raises(NoToken, match="4001 token is not valid"):
            async for _ in follow(Server(url, "nonsense"), Subscribe(channel="news")):
                pass
        token = Tokens(SECRET).make({"channels": {"news": ["publish"]}})
        async with connected(Server(url, token)) as client:
            await client.send(Open(id="o", channel="news"))
            assert (await client.expect(Opened, "o")).channel == "news"


async def test_following_goes_on_through_a_restart_and_misses_nothing() -> None:
    """What was published while the gateway was away comes after the reconnection, once."""
    bus = MemoryBus(AnchoredClock(), "here", partitions=PARTITIONS)
    async with served(bus) as house:
        port = house.port
        messages = follow(address(house), Subscribe(channel="news"))
        first = await anext(messages)
        assert isinstance(first, Subscribed)
        await house.write(Topic.CAPTIONS, "news", caption("e-0", 2, "one", final=True))
        assert (await next_final(messages)).text == "one"
    async with aclosing(messages):
        await house.write(Topic.CAPTIONS, "news", caption("e-1", 2, "two", final=True))
        following = asyncio.ensure_future(anext(messages))
        async with served(bus, port=port) as again:
            async with asyncio.timeout(PATIENCE_S):
                back = await following
            assert isinstance(back, Subscribed)
            assert back.recovered
            assert (await next_final(messages)).text == "two"
            await again.write(Topic.CAPTIONS, "news", caption("e-2", 2, "three", final=True))
            assert (await next_final(messages)).text == "three"
    await bus.close()


async def test_pauses_between_tries_grow_by_chance_up_to_a_bound() -> None:
    pauses = module._pauses()
    found = [next(pauses) for _ in range(20)]
    for number, pause in enumerate(found):
        longest = min(module.FIRST_PAUSE_S * 2**number, module.LONGEST_PAUSE_S)
        assert longest / 2 <= pause <= longest


async def test_a_server_that_speaks_nonsense_is_malformed() -> None:
    async def babble(connection: ServerConnection) -> None:
        await connection.send("nonsense")
        await connection.wait_closed()

    async with serve(babble, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with connected(Server(f"ws://127.0.0.1:{port}")) as client:
            with pytest.raises(Malformed):
                await client.receive()
