"""A scripted server for the client alone: pages from the source, words from the test."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Page, Route, WebSocketRoute

import stream
from tests.browser.window import PATIENCE_MS, Windows

WEB = Path(stream.__file__).parent / "web"
HOST = "http://ontime.test"
EVENTS = "state subscribed caption translation post retract verdict gap stale error pong".split()
START = """async (options) => {
    const { Ontime } = await import("/ontime.js");
    window.heard = [];
    window.client = new Ontime({ url: "ws://ontime.test/v1/stream", baseMs: 1, ...options });
    const keep = (type) => ({ detail }) => heard.push({ type, ...detail });
    for (const type of EVENTS) client.addEventListener(type, keep(type));
}""".replace("EVENTS", json.dumps(EVENTS))


class Connection:
    """One connection of the client, as the server sees it."""

    def __init__(self, route: WebSocketRoute) -> None:
        self._route = route
        self._requests: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.protocols = route.protocols
        route.on_message(lambda frame: self._requests.put_nowait(json.loads(frame)))

    async def request(self, kind: str) -> dict[str, Any]:
        """The next request of this kind; others on the way are passed over."""
        async with asyncio.timeout(PATIENCE_MS / 1000):
            while (request := await self._requests.get())["type"] != kind:
                pass
        return request

    def say(self, **message: Any) -> None:
        self._route.send(json.dumps(message))

    def say_raw(self, frame: str) -> None:
        self._route.send(frame)

    async def subscribed(self, *, cursor: str = "c0", recovered: bool = True) -> dict[str, Any]:
        """Answer the next `subscribe`, and return it."""
        request = await self.request("subscribe")
        answer = {"id": request["id"], "channel": request["channel"]}
        self.say(type="subscribed", cursor=cursor, recovered=recovered, **answer)
        return request

    async def close(self, code: int, reason: str = "") -> None:
        await self._route.close(code=code, reason=reason)


class Script:
    """A page with a client in it (`client`, and what it dispatched in `heard`)."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._connections: asyncio.Queue[Connection] = asyncio.Queue()

    async def start(self, options: str = "{}") -> Connection:
        """Make the client; `options` is JavaScript."""
        await self.page.evaluate(f"({START})({options})")
        return await self.connection()

    async def connection(self) -> Connection:
        async with asyncio.timeout(PATIENCE_MS / 1000):
            return await self._connections.get()

    async def heard(self, kind: str, count: int = 1) -> list[dict[str, Any]]:
        """What the client dispatched of this kind, as soon as there is `count` of it."""
        some = f"heard.filter(({{ type }}) => type === '{kind}')"
        await self.page.wait_for_function(f"{some}.length >= {count}")
        found: list[dict[str, Any]] = await self.page.evaluate(some)
        return found

    def accept(self, route: WebSocketRoute) -> None:
        self._connections.put_nowait(Connection(route))


@asynccontextmanager
async def scripted(windows: Windows) -> AsyncIterator[Script]:
    async with windows.blank() as page:
        script = Script(page)
        await page.route(f"{HOST}/**", _serve)
        await page.route_web_socket("ws://ontime.test/v1/stream", script.accept)
        await page.goto(f"{HOST}/blank")
        yield script


async def _serve(route: Route) -> None:
    path = WEB / urlsplit(route.request.url).path.lstrip("/")
    if path.is_file():
        await route.fulfill(path=path)
    else:
        blank = "<!doctype html><title>blank</title><link rel=icon href='data:,'>"
        await route.fulfill(body=blank, content_type="text/html")
