"""Takes the picture of the page that the README shows, of a running `ontime up --demo`.

python -m tests.browser.picture http://127.0.0.1:8765/?channel=demo docs/page.png
"""

from __future__ import annotations

import asyncio
import sys

from playwright.async_api import async_playwright, expect

from tests.browser.window import FLAGS, Windows, chromium_path

SPEECH_MS = 120_000
"""Within this the demo has said some sentences and its audience has written."""


async def take(url: str, path: str) -> None:
    """Wait for captions under way and some history, post a line, and look."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        async with Windows(browser).blank(
            viewport={"width": 1440, "height": 900}, color_scheme="dark", reduced_motion="reduce"
        ) as page:
            await page.goto(url)
            await expect(page.locator("#transcript .line").nth(4)).to_be_attached(timeout=SPEECH_MS)
            await page.get_by_label("Your name").fill("Ann")
            await page.get_by_role("textbox", name="Message").fill("Good evening from the hall")
            await page.get_by_role("button", name="Post").click()
            await expect(page.locator("#verdict")).to_contain_text("Your post is")
            unsettled = page.locator("#lines .unsettled").last
            await expect(unsettled).not_to_be_empty(timeout=SPEECH_MS)
            await page.screenshot(path=path)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(take(sys.argv[1], sys.argv[2]))
