"""The page in a browser, on a real gateway and the in-process bus."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from msgspec.structs import replace
from playwright.async_api import Locator, Page, WebSocketRoute, expect

from stream.core.messages import Action, Gap, Latency, Post, Retract, Review
from tests.browser.messages import caption, final, translation
from tests.browser.studio import Studio, on_air
from tests.browser.window import Windows

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

HOSTILE = "<img src=x onerror=\"document.title='owned'\"><b>bold</b>&amp;\u202e{{7*7}}"
NUMBER = re.compile(r"^[\d.]+$")
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
async def watching(
    windows: Windows, studio: Studio, query: str = "?channel=demo", **options: Any
) -> AsyncIterator[Page]:
    """A page that listens to its channel."""
    async with windows.blank(**options) as page:
        await page.goto(studio.url + query)
        await listens(page, "demo")
        yield page


async def listens(page: Page, channel: str) -> None:
    await expect(page.locator("#stage")).to_have_attribute("data-channel", channel)


async def give_time(page: Page) -> None:
    """A budget that this test, as the worker, meets also where the machine is busy."""
    await page.locator("#post-form").evaluate("(form) => { form.dataset.budgetMs = 10000 }")


def message_box(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Message")


async def test_a_caption_is_revised_in_place(windows: Windows, studio: Studio) -> None:
    async with watching(windows, studio) as page:
        await studio.say(caption("a", 1, "there was no", stable=5))
        line = page.locator("#lines p")
        await expect(line).to_have_text("there was no")
        await line.evaluate("(node) => { node.marked = true }")
        await studio.say(caption("a", 2, "there was known", stable=9))
        await expect(line).to_have_text("there was known")
        await studio.say(final("a", "There was, no one knows why."))
        await expect(line).to_have_text("There was, no one knows why.")
        assert await line.evaluate("(node) => node.marked")


async def test_unsettled_text_looks_unsettled(windows: Windows, studio: Studio) -> None:
    async with watching(windows, studio) as page:
        await studio.say(caption("a", 1, "👋 hello wurl", stable=7))
        settled, unsettled = page.locator("#lines .settled"), page.locator("#lines .unsettled")
        await expect(settled).to_have_text("👋 hello")
        await expect(unsettled).to_have_text("wurl")
        colour = "(node) => getComputedStyle(node).color"
        assert await settled.evaluate(colour) != await unsettled.evaluate(colour)
        await studio.say(final("a", "👋 Hello, world!", stable=0))
        await expect(settled).to_have_text("👋 Hello, world!")
        await expect(unsettled).to_be_empty()


async def test_lines_roll_up_and_only_the_newest_stay(windows: Windows, studio: Studio) -> None:
    async with watching(windows, studio, reduced_motion="reduce") as page:
        for number in range(6):
            await studio.say(final(f"s{number}", f"Sentence {number}."))
        lines = page.locator("#lines p")
        await expect(lines).to_have_text(["Sentence 3.", "Sentence 4.", "Sentence 5."])
        window = await page.locator("#picture .window").first.bounding_box()
        boxes = [await line.bounding_box() for line in await lines.all()]
        assert window
        inside = [box is not None and box["y"] >= window["y"] - 1 for box in boxes]
        assert inside == [False, True, True]


async def test_finals_stand_in_the_transcript_once(windows: Windows, studio: Studio) -> None:
    async with watching(windows, studio) as page:
        for _ in range(2):
            await studio.say(final("a", "Said once."))
        await studio.say(caption("a", 1, "from a worker that woke up"))
        await studio.say(final("b", "Said next."))
        rows = page.locator("#transcript .line")
        await expect(rows.locator(".text")).to_have_text(["Said once.", "Said next."])
        await expect(rows.first.locator("time")).to_have_text("00:01:01")
        await expect(rows.first.locator(".badge")).to_have_text(["verified"])


async def test_each_message_shows_its_latency_by_stage(windows: Windows, studio: Studio) -> None:
    async with watching(windows, studio) as page:
        slow = Latency(ingress_ms=3, queue_ms=60, decode_ms=150)
        await studio.say(caption("a", 1, "slow", latency=slow, late=True, degraded=True))
        await expect(page.locator("#stages dd")).to_have_text(["3.0", "60", "150", NUMBER])
        await expect(page.locator("#of-budget")).to_have_text("of 200 ms")
        await expect(page.locator("#late")).to_be_visible()
        await expect(page.locator("#degraded")).to_be_visible()
        await expect(page.locator("#rung")).to_have_text("draft")
        bar = page.locator("#message-bar .bar")
        await expect(bar).to_have_accessible_name(
            re.compile(r"of 200 milliseconds: ingress 3\.0, queue 60, decode 150, fanout [\d.]+$")
        )
        widths = "(bar) => [...bar.children].map((part) => part.offsetWidth)"
        ingress, queue, decode, *_ = await bar.evaluate(widths)
        assert ingress < queue < decode
        await studio.say(final("a", "Fine."))
        await expect(page.locator("#late")).to_be_hidden()
        await expect(page.locator("#late-share")).to_have_text("50.0 %")
        await expect(page.locator("#transcript .bar")).to_have_count(1)


async def test_a_posted_line_gets_its_verdict(windows: Windows, studio: Studio) -> None:
    async with watching(windows, studio) as page:
        await give_time(page)
        await page.get_by_label("Your name").fill("Ann")
        await message_box(page).fill("hello from the hall")
        await page.get_by_role("button", name="Post").click()
        job = await studio.next_post()
        assert (job.author, job.text) == ("Ann", "hello from the hall")
        await studio.judge(job, Action.BLOCK, labels={"insult": 0.93}, reasons=("insult 0.93",))
        row = page.locator("#posts .post")
        await expect(row.locator(".action")).to_have_text("blocked")
        await expect(row.locator(".why")).to_have_text("insult 0.93")
        await expect(row.locator(".bar")).to_have_count(1)
        await expect(page.locator("#verdict")).to_contain_text("Your post is blocked")
        await expect(message_box(page)).to_be_empty()


async def test_an_allowed_line_is_shown_once_and_to_all(windows: Windows, studio: Studio) -> None:
    async with watching(windows, studio) as page, watching(windows, studio) as other:
        await give_time(page)
        await message_box(page).fill("good evening")
        await message_box(page).press("Enter")
        await studio.judge(await studio.next_post(), Action.ALLOW)
        for view in (page, other):
            await expect(view.locator("#posts .action")).to_have_text(["allowed"])
            await expect(view.locator("#posts .text")).to_have_text(["good evening"])


async def test_without_a_worker_the_policy_answers(windows: Windows, studio: Studio) -> None:
    async with watching(windows, studio) as page:
        await message_box(page).fill("anybody there?")
        await page.get_by_role("button", name="Post").click()
        row = page.locator("#posts .post")
        await expect(row.locator(".action")).to_have_text("in review")
        await expect(row.locator(".cost .badge")).to_contain_text(["repeat", "degraded"])


async def test_after_a_restart_nothing_is_lost_or_doubled(windows: Windows, studio: Studio) -> None:
    async with watching(windows, studio) as page:
        await studio.say(final("a", "Before."))
        await studio.say(caption("b", 1, "half a sen"))
        await expect(page.locator("#lines p")).to_have_count(2)
        await studio.stop_gateway()
        windows.forgive("ERR_CONNECTION_REFUSED")
        await expect(page.locator("#connection")).to_contain_text("trying again")
        await studio.say(final("b", "Half a sentence, finished."))
        await studio.say(final("c", "While away."))
        await studio.say(Post(channel="demo", post="p", author="Bo", text="Are you there?"))
        await studio.start_gateway()
        await listens(page, "demo")
        await studio.say(final("d", "After."))
        await expect(page.locator("#transcript .text")).to_have_text(
            ["Before.", "Half a sentence, finished.", "While away.", "After."]
        )
        await expect(page.locator("#posts .text")).to_have_text(["Are you there?"])
        await expect(page.locator("#transcript .note")).to_have_count(0)


async def test_what_is_hostile_stays_text(windows: Windows, studio: Studio) -> None:
    async with watching(windows, studio) as page:
        await studio.say(caption("a", 1, HOSTILE, stable=12))
        await expect(page.locator("#lines p")).to_have_text(HOSTILE)
        await studio.say(final("a", HOSTILE))
        await studio.say(Post(channel="demo", post="p", author=HOSTILE, text=HOSTILE))
        await studio.say(translation("a", HOSTILE, "de"))
        await studio.say(Gap(channel="demo", start=1, end=2, reason=HOSTILE))
        await expect(page.locator("#transcript .text")).to_have_text(HOSTILE)
        await expect(page.locator("#posts .author")).to_have_text(HOSTILE)
        await expect(page.locator("#transcript .note")).to_contain_text(HOSTILE)
        await page.get_by_label("Subtitles").select_option("de")
        await expect(page.locator("#lane-lines p")).to_have_text(HOSTILE)
        assert await page.locator("main img, main b:not(.bar b)").count() == 0
        assert await page.title() == "demo · Ontime"


async def test_what_is_retracted_goes(windows: Windows, studio: Studio) -> None:
    async with watching(windows, studio) as page:
        await studio.say(final("a", "Slander."))
        await studio.say(Post(channel="demo", post="p", author="Bo", text="Spam."))
        await expect(page.locator("#posts .text")).to_have_text("Spam.")
        await studio.say(Retract(channel="demo", segment="a", reason="a mistake"))
        await studio.say(Retract(channel="demo", post="p", reason="blocked after all"))
        await expect(page.locator("#transcript .text")).to_have_text("withdrawn: a mistake")
        await expect(page.locator("#posts .text")).to_have_text("withdrawn: blocked after all")
        await expect(page.locator("#lines p")).to_have_count(0)


async def test_subtitles_are_offered_in_the_languages_that_come(
    windows: Windows, studio: Studio
) -> None:
    async with watching(windows, studio) as page:
        await expect(page.get_by_label("Subtitles")).to_be_hidden()
        await studio.say(translation("a", "Guten Abend.", "de"))
        await studio.say(translation("a", "Bonsoir.", "fr"))
        menu = page.get_by_label("Subtitles")
        await expect(menu.locator("option")).to_have_text(["off", "Deutsch", "français"])
        await menu.select_option("fr")
        await expect(page.locator("#lane-lines p")).to_have_text("Bonsoir.")
        await expect(page.locator("#lane-lines p")).to_have_attribute("lang", "fr")


async def test_subtitles_that_the_address_names_are_shown_as_soon_as_they_come(
    windows: Windows, studio: Studio
) -> None:
    async with windows.blank() as page:
        await page.goto(studio.url + "?channel=demo&view=captions&subtitles=de")
        await listens(page, "demo")
        await studio.say(translation("a", "Bonsoir.", "fr"))
        await studio.say(translation("a", "Guten Abend.", "de"))
        await expect(page.locator("#lane-lines p")).to_have_text("Guten Abend.")
        await expect(page.locator("#lane")).to_be_visible()


async def test_chosen_subtitles_outlive_a_reload_and_another_channel(
    windows: Windows, studio: Studio
) -> None:
    async with watching(windows, studio) as page:
        await studio.say(translation("a", "Bonsoir.", "fr"))
        await page.get_by_label("Subtitles").select_option("fr")
        await page.get_by_label("Channel").fill("news")
        await page.get_by_role("button", name="Watch").click()
        await listens(page, "news")
        await expect(page.get_by_label("Subtitles")).to_be_hidden()
        await expect(page.locator("#lane")).to_be_hidden()
        await page.reload()
        await listens(page, "news")
        await studio.say(replace(translation("b", "Au revoir.", "fr"), channel="news"))
        await expect(page.locator("#lane-lines p")).to_have_text("Au revoir.")
        await page.get_by_label("Subtitles").select_option("off")
        await expect(page.locator("#lane")).to_be_hidden()
        assert page.url.endswith("?channel=news")


async def test_another_channel_shows_nothing_of_the_first(windows: Windows, studio: Studio) -> None:
    async with watching(windows, studio) as page:
        await studio.say(final("a", "Of the demo."))
        await expect(page.locator("#lines p")).to_have_count(1)
        await page.get_by_label("Channel").fill("news")
        await page.get_by_role("button", name="Watch").click()
        await listens(page, "news")
        await studio.say(final("b", "Of the demo still."))
        await studio.say(final("c", "Of the news.", channel="news"))
        await expect(page.locator("#lines p")).to_have_text(["Of the news."])
        await expect(page.locator("#transcript .text")).to_have_text(["Of the news."])
        assert page.url.endswith("?channel=news")
        href = await page.get_by_role("link", name="WebVTT").get_attribute("href")
        assert href == "v1/channels/news/captions.vtt"
        await page.go_back()
        await listens(page, "demo")


async def test_f_shows_captions_only_and_escape_leaves(windows: Windows, studio: Studio) -> None:
    async with watching(windows, studio) as page:
        await message_box(page).press("f")
        await expect(page.locator("#posts")).to_be_attached()
        await expect(message_box(page)).to_have_value("f")
        await expect(page.locator(".panels")).to_be_visible()
        await page.locator("#stage").press("f")
        await expect(page.locator(".panels")).to_be_hidden()
        await studio.say(caption("a", 1, "large"))
        await expect(page.locator("#lines p")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.locator(".panels")).to_be_visible()


async def test_only_finals_are_announced(windows: Windows, studio: Studio) -> None:
    async with watching(windows, studio) as page:
        await studio.say(caption("a", 1, "half"))
        await expect(page.locator("#lines p")).to_have_text("half")
        await studio.say(final("a", "Half a loaf."))
        announced = page.get_by_role("log", name="Final captions")
        await expect(announced.locator("p")).to_have_text(["Half a loaf."])
        for number in range(8):
            await studio.say(final(f"s{number}", f"Sentence {number}."))
        await expect(announced.locator("p").last).to_have_text("Sentence 7.")
        assert await announced.locator("p").count() == 5


async def test_a_list_that_becomes_lower_stays_at_its_end(windows: Windows, studio: Studio) -> None:
    """As when a post waits at the desk, which then takes its room."""
    async with watching(windows, studio, viewport={"width": 1280, "height": 1250}) as page:
        for number in range(20):
            await studio.say(Post(channel="demo", post=f"p{number}", author="a", text=f"{number}"))
        last = page.locator("#posts .text").last
        await expect(last).to_have_text("19")
        waiting = Review(channel="demo", post="r", author="Bo", text="Hm.", reasons=("rude",))
        await studio.say(replace(waiting, action=Action.REVIEW, labels={"toxic": 0.6}))
        await expect(last).to_have_text("Hm.")
        await expect(page.locator("#count-review")).to_have_text("1")
        await expect(last).to_be_in_viewport()
        await studio.say(Post(channel="demo", post="q", author="a", text="20"))
        await expect(last).to_have_text("20")
        await expect(last).to_be_in_viewport()


async def test_the_page_does_not_grow(windows: Windows, studio: Studio) -> None:
    async with watching(windows, studio) as page:
        for number in range(150):
            await studio.say(final(f"s{number}", f"Sentence {number}."))
            await studio.say(Post(channel="demo", post=f"p{number}", author="a", text=f"{number}"))
        await studio.say(caption("long", 1, "no end " * 2000, stable=3000))
        await expect(page.locator("#lines p").last).to_contain_text("no end")
        await expect(page.locator("#posts .text").last).to_have_text("149")
        assert await page.locator("#transcript li").count() == 60
        assert await page.locator("#posts li").count() == 60
        assert await page.locator("#lines p").last.evaluate("(p) => p.textContent.length") <= 600


@pytest.mark.parametrize("text", ["Where the wind goes.", "unbroken" * 40])
async def test_a_telephone_needs_no_sideways_scrolling(
    windows: Windows, studio: Studio, text: str
) -> None:
    async with watching(windows, studio, **TELEPHONE) as page:
        await studio.say(final("a", text))
        await studio.say(translation("a", text, "de"))
        await studio.say(Post(channel="demo", post="p", author=text[:128], text=text))
        await expect(page.locator("#posts .text")).to_have_text(text)
        await page.get_by_label("Subtitles").select_option("de")
        await expect(page.locator("#lane-lines p")).to_have_text(text)
        width = "document.documentElement.scrollWidth"
        assert await page.evaluate(width) == 360


async def test_captions_that_are_old_are_marked(windows: Windows, studio: Studio) -> None:
    async with windows.blank() as page:
        between: list[WebSocketRoute] = []

        def pass_through(route: WebSocketRoute) -> None:
            route.connect_to_server()
            between.append(route)

        await page.route_web_socket("**/v1/stream", pass_through)
        await page.goto(studio.url)
        await listens(page, "demo")
        stale = {"type": "stale", "channel": "demo", "since_ms": 4200}
        between[-1].send(json.dumps({**stale, "over": False}))
        await expect(page.locator("#air")).to_have_text("stale")
        await expect(page.locator("#notice")).to_contain_text("4 s old")
        between[-1].send(json.dumps({**stale, "over": True}))
        await expect(page.locator("#notice")).to_be_empty()
