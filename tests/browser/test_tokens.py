"""The page where the gateway asks for tokens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.messages import final
from tests.browser.studio import Studio, on_air
from tests.browser.window import Windows

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

SECRET = "a secret of more than thirty-two bytes"


@pytest_asyncio.fixture(loop_scope="session")
async def guarded() -> AsyncIterator[Studio]:
    async with on_air(SECRET) as running:
        yield running


@pytest.mark.parametrize(
    ("fragment", "told"),
    [("", "no token came, expected one"), ("#token=forged", "token is not valid")],
)
async def test_without_a_valid_token_it_is_refused_for_good(
    windows: Windows, guarded: Studio, fragment: str, told: str
) -> None:
    async with windows.blank() as page:
        await page.goto(guarded.url + fragment)
        await expect(page.locator("#connection")).to_have_attribute("data-state", "refused")
        await expect(page.locator("#connection")).to_have_text(f"refused: {told}")
        await expect(page.locator("#link")).to_be_empty()


async def test_a_token_opens_the_channel_and_leaves_the_address(
    windows: Windows, guarded: Studio
) -> None:
    async with windows.blank() as page:
        await page.goto(f"{guarded.url}?channel=demo#token={guarded.token('subscribe')}")
        await expect(page.locator("#stage")).to_have_attribute("data-channel", "demo")
        assert page.url == guarded.url + "?channel=demo"


async def test_subtitles_are_fetched_with_the_token(
    windows: Windows, guarded: Studio, tmp_path: Path
) -> None:
    async with windows.blank() as page:
        await page.goto(f"{guarded.url}#token={guarded.token('subscribe')}")
        await expect(page.locator("#stage")).to_have_attribute("data-channel", "demo")
        await guarded.say(final("a", "For bearers only."))
        await expect(page.locator("#transcript .text")).to_have_text("For bearers only.")
        async with page.expect_download() as downloading:
            await page.get_by_role("link", name="WebVTT").click()
        download = await downloading.value
        await download.save_as(tmp_path / "captions.vtt")
        assert download.suggested_filename == "demo-captions.vtt"
        assert "For bearers only." in (tmp_path / "captions.vtt").read_text()


async def test_what_the_token_does_not_allow_is_said(windows: Windows, guarded: Studio) -> None:
    async with windows.blank() as page:
        await page.goto(f"{guarded.url}#token={guarded.token('subscribe')}")
        await expect(page.locator("#stage")).to_have_attribute("data-channel", "demo")
        await page.get_by_role("textbox", name="Message").fill("hello")
        await page.get_by_role("button", name="Post").click()
        await expect(page.locator("#verdict")).to_contain_text("token does not allow gate")
        await page.get_by_label("Channel").fill("secret")
        await page.get_by_role("button", name="Watch").click()
        await expect(page.locator("#notice")).to_contain_text("token does not allow subscribe")
