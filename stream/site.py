"""What a GET on the gateway's port gets: the page, subtitles, and how the gateway is."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import NamedTuple

from stream.core.access import Permissions
from stream.core.errors import Malformed, NotFound
from stream.core.messages import Caption
from stream.core.pages import JSON, Page
from stream.core.subtitles import to_json, to_srt, to_text, to_webvtt
from stream.core.transcripts import Transcripts

CONTENT_TYPES = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
    "woff2": "font/woff2",
    "webmanifest": "application/manifest+json",
}
"""Files of the page with other endings are not served."""
CACHED = 64
"""Rendered subtitles that are kept."""

POLICY = (
    "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; "
    "media-src 'self' blob:; worker-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)
_CAPTIONS = re.compile(r"/v1/channels/([A-Za-z0-9][A-Za-z0-9._:-]{0,63})/captions\.([a-z]+)")
_FORMATS: dict[str, tuple[Callable[[list[Caption]], bytes], str]] = {
    "vtt": (lambda finals: to_webvtt(finals).encode(), "text/vtt; charset=utf-8"),
    "srt": (lambda finals: to_srt(finals).encode(), "application/x-subrip; charset=utf-8"),
    "txt": (lambda finals: to_text(finals).encode(), "text/plain; charset=utf-8"),
    "json": (to_json, JSON),
}


class _Rendered(NamedTuple):
    version: int
    page: Page


class Site:
    """Pages by path. The files of the page are read once, at the start."""

    def __init__(self, transcripts: Transcripts, is_ready: Callable[[], bool]) -> None:
        self._transcripts = transcripts
        self._is_ready = is_ready
        self._pages = read_pages()
        self._rendering = asyncio.Lock()
        self._cache: OrderedDict[tuple[str, str], _Rendered] = OrderedDict()

    async def page(self, path: str, bearer: Callable[[], Permissions]) -> Page:
        """Raises NotFound, NotAllowed or NoToken; only subtitles ask who wants them."""
        if path == "/healthz":
            return Page(200, b'{"status":"ok"}')
        if path == "/readyz":
            return readiness(self._is_ready())
        if (match := _CAPTIONS.fullmatch(path)) is not None:
            return await self._captions(match[1], match[2], bearer())
        page = self._pages.get("/index.html" if path == "/" else path)
        if page is None:
            raise NotFound(f"path is {path[:80]!a}, expected one of this server's")
        return page

    async def _captions(self, channel: str, ending: str, permissions: Permissions) -> Page:
        permissions.demand("subscribe", channel)
        if ending not in _FORMATS:
            raise Malformed("format", ascii(ending[:20]), "one of " + ", ".join(_FORMATS))
        async with self._rendering:
            return await self._rendered(channel, ending)

    async def _rendered(self, channel: str, ending: str) -> Page:
        """From the cache while nothing is new: a player asks again and again."""
        version = self._transcripts.version(channel)
        known = self._cache.pop((channel, ending), None)
        if known is None or known.version != version:
            known = await self._render(channel, ending, version)
        self._cache[channel, ending] = known
        if len(self._cache) > CACHED:
            self._cache.popitem(last=False)
        return known.page

    async def _render(self, channel: str, ending: str, version: int) -> _Rendered:
        render, content_type = _FORMATS[ending]
        finals = self._transcripts.of(channel)
        # Breaking two thousand finals into lines takes a second: too long for the loop.
        body = await asyncio.to_thread(render, finals)
        return _Rendered(version, Page(200, body, content_type))


def readiness(is_ready: bool) -> Page:
    """503 until everything that lies in the logs has been read."""
    return Page(200, b'{"status":"ready"}') if is_ready else Page(503, b'{"status":"starting"}')


def read_pages() -> Mapping[str, Page]:
    """The files of stream/web by path."""
    folder = files("stream").joinpath("web")
    pages: dict[str, Page] = {}
    for file in folder.iterdir():
        content_type = CONTENT_TYPES.get(file.name.rpartition(".")[2])
        if content_type is not None and file.is_file():
            page = Page(200, file.read_bytes(), content_type)
            pages[f"/{file.name}"] = page.with_headers(Content_Security_Policy=POLICY)
    return pages
