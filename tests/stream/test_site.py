"""Pages by path: a whitelist, subtitles that are rendered once, and health."""

import asyncio
import re
from pathlib import Path

import pytest

from stream.core.access import EVERYTHING, permissions_of
from stream.core.errors import Malformed, NotAllowed, NotFound, NoToken
from stream.core.pages import Page
from stream.core.transcripts import Transcripts
from stream.site import Site, read_pages
from tests.support.facts import CHANNEL, caption


def get(site: Site, path: str) -> Page:
    return asyncio.run(site.page(path, lambda: EVERYTHING))


def make_site(transcripts: Transcripts | None = None, *, ready: bool = True) -> Site:
    return Site(transcripts or Transcripts(), lambda: ready)


def test_the_page_and_its_files_are_there_and_nothing_else_is() -> None:
    site = make_site()
    assert get(site, "/") == get(site, "/index.html")
    assert {"/ontime.js", "/style.css", "/page.js"} <= set(read_pages())
    for path in ("/nothing", "/__init__.py", "//", "/../gateway.py", "/index.html/"):
        with pytest.raises(NotFound):
            get(site, path)


def test_the_footer_says_what_the_captions_card_says() -> None:
    card = Path("workers/models/captions/README.md").read_text("utf-8")
    footer = re.search(rb'<p id="quality">(.*?)</p>', read_pages()["/index.html"].body, re.DOTALL)
    assert footer
    figures = re.findall(r"[\d.]+ %", footer[1].decode())
    assert len(figures) >= 2
    assert all(figure in card for figure in figures)


def test_every_page_is_hardened() -> None:
    for page in read_pages().values():
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert "script-src" not in page.headers["Content-Security-Policy"]
        assert "default-src 'self'" in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize("ready", [True, False])
def test_readiness_has_a_status(ready: bool) -> None:
    assert get(make_site(ready=ready), "/readyz").status == (200 if ready else 503)
    assert get(make_site(ready=ready), "/healthz").status == 200


def test_subtitles_are_rendered_once_until_there_is_more() -> None:
    transcripts = Transcripts()
    site = make_site(transcripts)
    path = f"/v1/channels/{CHANNEL}/captions.vtt"

    async def main() -> None:
        transcripts.add(caption("a", text="hello", final=True))
        first = await site.page(path, lambda: EVERYTHING)
        assert (await site.page(path, lambda: EVERYTHING)) is first
        transcripts.add(caption("b", text="world", final=True))
        second = await site.page(path, lambda: EVERYTHING)
        assert b"world" in second.body
        assert b"world" not in first.body

    asyncio.run(main())


def test_subtitles_are_for_subscribers() -> None:
    site = make_site()
    path = f"/v1/channels/{CHANNEL}/captions.txt"

    def nobody() -> None:
        raise NoToken("no token came")

    with pytest.raises(NoToken):
        asyncio.run(site.page(path, nobody))  # type: ignore[arg-type]
    publisher = permissions_of({"channels": {"*": ["publish"]}})
    with pytest.raises(NotAllowed):
        asyncio.run(site.page(path, lambda: publisher))
    with pytest.raises(Malformed, match="one of vtt, srt, txt, json"):
        get(site, path.replace("txt", "pdf"))
