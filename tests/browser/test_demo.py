"""The main job on real input: a recording is captioned, a post is judged, a browser watches."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.browser.window import Windows
from tests.end_to_end.commands import ANY_PORT, ontime, ports_of

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]
SPEECH_MS = 40_000
"""The first recording is twelve seconds long; a loaded machine decodes it more slowly."""


async def test_the_demo_in_a_browser(windows: Windows) -> None:
    async with ontime("up", "--demo", *ANY_PORT) as command:
        await command.hear("Ctrl-C stops")
        port, _ = await ports_of(command)
        async with windows.blank() as page:
            await page.goto(f"http://127.0.0.1:{port}/?channel=demo")
            await watch(page)
            await read_in_german(page)
            await post(page)
        assert await command.end() == 0


async def watch(page: Page) -> None:
    await expect(page.locator("#lines")).to_contain_text("this", timeout=SPEECH_MS)
    transcript = page.locator("#transcript .line").first
    await expect(transcript).to_contain_text("little work was finished", timeout=SPEECH_MS)
    await expect(transcript).to_contain_text(" ms")


async def read_in_german(page: Page) -> None:
    """By the model that ships; the demo asks for every language that it offers."""
    menu = page.get_by_label("Subtitles")
    await expect(menu.locator("option")).to_have_text(["off", "Deutsch", "français", "español"])
    await menu.select_option("de")
    words = re.compile(r"\b(die|der|das|und|ist|war|es|für|sie)\b", re.IGNORECASE)
    await expect(page.locator("#lane-lines")).to_contain_text(words, timeout=SPEECH_MS)


async def post(page: Page) -> None:
    await page.get_by_label("Your name").fill("Ann")
    await page.get_by_role("textbox", name="Message").fill("this is bullshit")
    await page.get_by_role("button", name="Post").click()
    await expect(page.locator("#verdict")).to_contain_text("review")
