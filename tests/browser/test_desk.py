"""The moderation desk in browsers, on a real gateway: what one decides, all see."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

from stream.core.messages import Action, Post, Review
from tests.browser.studio import Studio, on_air
from tests.browser.window import Windows

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

SECRET = "a secret of more than thirty-two bytes"
HOSTILE = "<img src=x onerror=\"document.title='owned'\">\u202e{{7*7}}"
TELEPHONE: dict[str, Any] = {
    "viewport": {"width": 360, "height": 640},
    "has_touch": True,
    "is_mobile": True,
}


@pytest_asyncio.fixture(loop_scope="session")
async def studio() -> AsyncIterator[Studio]:
    async with on_air() as running:
        yield running


@asynccontextmanager
async def desk(windows: Windows, studio: Studio, **options: Any) -> AsyncIterator[Page]:
    """A moderator's page."""
    async with windows.blank(**options) as page:
        await page.goto(studio.url + "?channel=demo")
        await expect(page.locator("#desk")).to_be_visible()
        yield page


def review(post: str, action: Action = Action.REVIEW, **more: Any) -> Review:
    about = {"author": f"ann-{post}", "text": f"hm {post}", "reasons": ("toxic 0.61 >= 0.50",)}
    labels = {"toxic": 0.61, "spam": 0.02}
    fields = {**about, "labels": labels, **more}
    return Review(channel="demo", post=post, action=action, **fields)


def cases(page: Page) -> Locator:
    return page.locator("#cases .case:visible")


async def hold(page: Page, studio: Studio, text: str, action: Action) -> None:
    """Somebody posts, and the worker says this."""
    await page.locator("#post-form").evaluate("(form) => { form.dataset.budgetMs = 10000 }")
    await page.get_by_role("textbox", name="Message").fill(text)
    await page.get_by_role("button", name="Post").click()
    await studio.judge(await studio.next_post(), action, reasons=("so",))


async def test_what_one_desk_decides_vanishes_from_the_other(
    windows: Windows, studio: Studio
) -> None:
    async with desk(windows, studio) as here, desk(windows, studio) as there:
        await hold(here, studio, "may I?", Action.REVIEW)
        for page in (here, there):
            await expect(cases(page).locator(".text")).to_have_text(["may I?"])
            await expect(page.locator("#count-review")).to_have_text("1")
        await cases(there).get_by_role("button", name="Allow").click()
        for page in (here, there):
            await expect(cases(page)).to_have_count(0)
            await expect(page.locator("#desk-empty")).to_have_text("Nothing waits.")
            await expect(page.locator("#desk-status")).to_contain_text("was allowed by anonymous")
            await expect(page.locator("#posts .action")).to_have_text(["allowed"])
            await expect(page.locator("#count-allow")).to_have_text("1")


async def test_a_verdict_has_its_reasons_and_scores(windows: Windows, studio: Studio) -> None:
    async with desk(windows, studio) as page:
        await studio.say(review("p"))
        await expect(cases(page).locator(".reasons li")).to_have_text(["toxic 0.61 >= 0.50"])
        await expect(cases(page).locator(".scores dt")).to_have_text(["toxic", "spam"])
        await expect(cases(page).locator(".scores dd")).to_have_text(["0.61", "0.02"])


async def test_what_waited_before_is_there_and_what_was_blocked_can_be_allowed(
    windows: Windows, studio: Studio
) -> None:
    async with desk(windows, studio) as early:
        await hold(early, studio, "wait", Action.REVIEW)
        await hold(early, studio, "rude", Action.BLOCK)
        await expect(early.locator("#count-block")).to_have_text("1")
        async with desk(windows, studio) as page:
            await expect(cases(page).locator(".text")).to_have_text(["wait"])
            await page.get_by_label("Blocked").check()
            await expect(cases(page).locator(".text")).to_have_text(["rude"])
            await cases(page).get_by_role("button", name="Allow").click()
            await expect(page.locator("#posts .text")).to_contain_text(["rude"])
            for each in (early, page):
                await expect(each.locator("#count-block")).to_have_text("0")


async def test_what_is_shown_can_be_taken_back(windows: Windows, studio: Studio) -> None:
    async with desk(windows, studio) as page, desk(windows, studio) as other:
        await studio.say(Post(channel="demo", post="p", author="Bo", text="Good evening."))
        await page.get_by_label("Shown").check()
        await cases(page).get_by_role("button", name="Take back").click()
        for each in (page, other):
            await expect(each.locator("#posts .gone")).to_have_count(1)
            await expect(each.locator("#count-allow")).to_have_text("0")


async def test_the_keyboard_is_enough(windows: Windows, studio: Studio) -> None:
    async with desk(windows, studio) as page:
        for name in ("p", "q", "r"):
            await studio.say(review(name))
        await expect(cases(page)).to_have_count(3)
        await page.locator("#cases").focus()
        await page.keyboard.press("Tab")
        await expect(cases(page).nth(0).get_by_role("button", name="Allow")).to_be_focused()
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("b")
        await expect(cases(page).locator(".text")).to_have_text(["hm p", "hm r"])
        await expect(cases(page).nth(1).get_by_role("button", name="Allow")).to_be_focused()
        await page.keyboard.press("a")
        await expect(cases(page).locator(".text")).to_have_text(["hm p"])
        await expect(cases(page).nth(0).get_by_role("button", name="Allow")).to_be_focused()


async def test_what_cannot_be_decided_is_told(windows: Windows, studio: Studio) -> None:
    async with desk(windows, studio) as page:
        await studio.say(review("p"))
        await cases(page).evaluate("(row) => { row.dataset.post = 'unheard-of' }")
        await cases(page).get_by_role("button", name="Block").click()
        await expect(page.locator("#desk-status")).to_contain_text("is not in review")
        await expect(cases(page).get_by_role("button", name="Block")).to_be_enabled()


async def test_what_is_hostile_stays_text(windows: Windows, studio: Studio) -> None:
    async with desk(windows, studio) as page:
        await studio.say(
            review("p", author=HOSTILE, text=HOSTILE, reasons=(HOSTILE,), labels={HOSTILE: 9.0})
        )
        await expect(cases(page).locator(".text")).to_have_text(HOSTILE)
        await expect(cases(page).locator(".reasons li")).to_have_text(HOSTILE)
        assert "owned" not in await page.title()
        await expect(page.locator("#cases img")).to_have_count(0)


async def test_on_a_telephone_it_fits_and_is_easy_to_hit(windows: Windows, studio: Studio) -> None:
    async with desk(windows, studio, **TELEPHONE) as page:
        await studio.say(review("p", text="w" * 300))
        await cases(page).scroll_into_view_if_needed()
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await page.evaluate(wide) <= 0
        for button in await cases(page).get_by_role("button").all():
            box = await button.bounding_box()
            assert box is not None
            assert box["height"] >= 44
        await cases(page).get_by_role("button", name="Block").tap()
        await expect(cases(page)).to_have_count(0)


async def test_only_a_moderator_has_a_desk(windows: Windows) -> None:
    async with on_air(SECRET) as studio:
        for rights, seen in ((("subscribe",), False), (("subscribe", "moderate"), True)):
            async with windows.blank() as page:
                await page.goto(f"{studio.url}?channel=demo#token={studio.token(*rights)}")
                await expect(page.locator("#stage")).to_have_attribute("data-channel", "demo")
                await expect(page.locator("#desk")).to_be_visible(visible=seen)
