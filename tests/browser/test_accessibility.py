"""The page by the rules of WCAG 2.2 AA, as axe-core can check them, and by keyboard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from msgspec.structs import replace
from playwright.async_api import Page, expect

from stream.core.messages import Action, Gap, Post, Review
from tests.browser.messages import caption, final, translation
from tests.browser.studio import Studio, on_air
from tests.browser.window import Windows

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SIZES = {"desktop": (1280, 800), "telephone": (360, 740)}
# A gradient has no contrast that axe could compute; below it lies its lightest colour.
FLATTEN = "document.getElementById('stage').style.backgroundImage = 'none'"


@pytest_asyncio.fixture(loop_scope="session")
async def studio() -> AsyncIterator[Studio]:
    async with on_air() as running:
        yield running


async def fill(page: Page, studio: Studio) -> None:
    """Something of everything that the page can show."""
    await expect(page.locator("#stage")).to_have_attribute("data-channel", "demo")
    await studio.say(final("a", "Finished."))
    await studio.say(translation("a", "Fertig.", "de"))
    await page.get_by_label("Subtitles").select_option("de")
    await studio.say(Gap(channel="demo", start=1, end=2, reason="the recogniser was away"))
    await studio.say(Post(channel="demo", post="p", author="Bo", text="Good evening."))
    labels = {"toxic": 0.6}
    for name, action in (("q", Action.REVIEW), ("r", Action.BLOCK)):
        about = Review(channel="demo", post=name, author="Bo", text="Hm.", reasons=("rude",))
        await studio.say(replace(about, action=action, labels=labels))
    await page.locator("#post-form").evaluate("(form) => { form.dataset.budgetMs = 10000 }")
    await page.get_by_role("textbox", name="Message").fill("what a mess")
    await page.get_by_role("button", name="Post").click()
    await studio.judge(await studio.next_post(), Action.BLOCK, labels={"insult": 0.9})
    await expect(page.locator("[data-action=block] .bar")).to_be_visible()
    await studio.say(caption("b", 1, "under way", stable=5, late=True, degraded=True))
    await expect(page.locator("#lines .unsettled").last).to_have_text("way")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["dark", "light"])
async def test_axe_finds_nothing(windows: Windows, studio: Studio, scheme: Any, size: str) -> None:
    width, height = SIZES[size]
    viewport = {"width": width, "height": height}
    async with windows.blank(
        color_scheme=scheme, viewport=viewport, reduced_motion="reduce", bypass_csp=True
    ) as page:
        await page.goto(studio.url + "?channel=demo")
        await fill(page, studio)
        await page.evaluate(FLATTEN)
        found = (await Axe().run(page, options={"runOnly": RULES})).response
        broken = {
            rule["id"]: [node["html"] for node in rule["nodes"]] for rule in found["violations"]
        }
        assert broken == {}
        unsure = [rule["nodes"] for rule in found["incomplete"] if rule["id"] == "color-contrast"]
        assert unsure == []


async def test_everything_is_reached_by_keyboard(windows: Windows, studio: Studio) -> None:
    async with windows.blank() as page:
        await page.goto(studio.url + "?channel=demo")
        await expect(page.locator("#stage")).to_have_attribute("data-channel", "demo")
        await studio.say(translation("a", "Fertig.", "de"))
        await expect(page.get_by_label("Subtitles")).to_be_visible()
        reached = []
        for _ in range(12):
            await page.keyboard.press("Tab")
            reached.append(
                await page.evaluate("document.activeElement.id || document.activeElement.className")
            )
        wanted = ["skip", "channel", "captions-only", "subtitles", "author", "text", "vtt"]
        assert [name for name in reached if name in wanted] == wanted


async def test_the_skip_link_leads_to_the_captions(windows: Windows, studio: Studio) -> None:
    async with windows.blank() as page:
        await page.goto(studio.url)
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to the captions")).to_be_in_viewport()
        await page.keyboard.press("Enter")
        await expect(page.locator("#stage")).to_be_focused()


async def test_nothing_moves_where_motion_is_unwanted(windows: Windows, studio: Studio) -> None:
    async with windows.blank(reduced_motion="reduce") as page:
        await page.goto(studio.url + "?channel=demo")
        await expect(page.locator("#stage")).to_have_attribute("data-channel", "demo")
        for number in range(4):
            await studio.say(final(f"s{number}", f"Sentence {number}."))
        await expect(page.locator("#lines p").last).to_have_text("Sentence 3.")
        assert await page.evaluate("document.getAnimations().length") == 0
