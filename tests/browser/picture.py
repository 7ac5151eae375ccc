"""Takes the picture of the page that the README shows, of a running `ontime up --demo`.

python -m tests.browser.picture http://127.0.0.1:8765/?channel=demo docs/page.png
python -m tests.browser.picture --telephone http://127.0.0.1:8765/?channel=demo telephone.png
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from playwright.async_api import Page, async_playwright, expect

from tests.browser.window import FLAGS, Windows, chromium_path

SPEECH_MS = 180_000
"""Within this the demo has said some sentences and its audience has written."""
DESKTOP: dict[str, Any] = {"viewport": {"width": 1440, "height": 1210}}
TELEPHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}


async def take(url: str, path: str, window: dict[str, Any]) -> None:
    """Wait for captions, German subtitles and posts in review, post a line, and look."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        async with Windows(browser).blank(
            **window, color_scheme="light", reduced_motion="reduce"
        ) as page:
            await page.goto(f"{url}&subtitles=de")
            await expect(page.locator("#count-review")).to_have_text("2", timeout=SPEECH_MS)
            await expect(page.locator("#transcript .line").nth(4)).to_be_attached(timeout=SPEECH_MS)
            await say(page, "Ann", "Good evening from the hall")
            await wait_for_speech(page)
            await page.screenshot(path=path)
        await browser.close()


async def say(page: Page, author: str, text: str) -> None:
    await page.get_by_label("Your name").fill(author)
    await page.get_by_role("textbox", name="Message").fill(text)
    await page.get_by_role("button", name="Post").click()
    await expect(page.locator("#verdict")).to_contain_text("Your post is")
    await page.evaluate("scrollTo(0, 0)")


async def wait_for_speech(page: Page) -> None:
    """A sentence is under way, and so is its translation."""
    await page.wait_for_function(
        """() => {
            const words = (of) => (document.querySelector(of)?.textContent ?? "").split(" ").length;
            return words("#lines p:last-child") > 6 && words("#lane-lines p:last-child") > 5
                && words("#lines p:last-child .unsettled") > 1;
        }""",
        timeout=SPEECH_MS,
    )


if __name__ == "__main__":
    *options, url, path = sys.argv[1:]
    asyncio.run(take(url, path, TELEPHONE if options == ["--telephone"] else DESKTOP))
