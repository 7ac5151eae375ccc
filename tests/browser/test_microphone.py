"""A browser's microphone on a channel: heard as it sounds, and said why where it isn't."""

from __future__ import annotations

import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.browser.messages import caption
from tests.browser.studio import Studio, on_air
from tests.browser.window import FLAGS, Windows, chromium_path

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

HZ = 1_000
REFUSE = """navigator.mediaDevices.getUserMedia = async () => {
    throw new DOMException("no", "NotAllowedError");
}"""

RECORD = """async () => {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    const recorder = new MediaRecorder(stream, { mimeType: "audio/webm;codecs=opus" });
    const socket = new WebSocket("ws://" + location.host + "/v1/stream", ["ontime.v1"]);
    socket.onopen = () => {
        socket.send(JSON.stringify({ type: "open", channel: "mine", encoding: "opus" }));
        recorder.start(100);
    };
    recorder.ondataavailable = ({ data }) => data.size && socket.send(data);
}"""
"""What a page without our script does: a browser's own recording, as it comes."""


@pytest_asyncio.fixture(loop_scope="session")
async def studio() -> AsyncIterator[Studio]:
    async with on_air() as running:
        yield running


def write_tone(path: Path) -> Path:
    """A second of a steady tone, which the browser plays again and again."""
    times = np.arange(48_000) / 48_000
    samples = (np.sin(2 * np.pi * HZ * times) * 12_000).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(samples.tobytes())
    return path


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def listening(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    """A browser whose microphone hears the tone."""
    tone = write_tone(tmp_path_factory.mktemp("microphone") / "tone.wav")
    flags = [
        *FLAGS,
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={tone}",
    ]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=flags)
        yield browser
        await browser.close()


@asynccontextmanager
async def page_of(browser: Browser, studio: Studio) -> AsyncIterator[Page]:
    windows = Windows(browser)
    async with windows.blank() as page:
        await page.goto(studio.url + "?channel=mine")
        await expect(page.locator("#stage")).to_have_attribute("data-channel", "mine")
        yield page
    assert windows.complaints() == []


def pitch(pcm: bytes) -> float:
    samples = np.frombuffer(pcm, "<i2").astype(float)
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * 16_000 / len(samples))


async def test_what_the_microphone_hears_is_published_until_it_is_off(
    listening: Browser, studio: Studio
) -> None:
    async with page_of(listening, studio) as page:
        button = page.get_by_role("button", name="Microphone")
        await expect(button).to_have_attribute("aria-pressed", "false")
        await button.click()
        status = page.locator("#microphone-status")
        await expect(status).to_have_text("Your microphone is captioned on mine.")
        await expect(button).to_have_attribute("aria-pressed", "true")
        heard = await studio.next_audio("mine", 1.5)
        assert {(chunk.channel, chunk.language) for chunk in heard} == {("mine", "en")}
        assert pitch(b"".join(chunk.pcm for chunk in heard)[16_000:]) == pytest.approx(HZ, abs=5)
        await studio.say(caption("a", 1, "one two three", channel="mine"))
        await expect(page.locator("#lines")).to_contain_text("one two three")
        await button.click()
        await expect(status).to_have_text("The last words are being captioned.")
        await studio.finish("mine", heard[0].epoch)
        await expect(status).to_have_text("")
        await expect(button).to_have_attribute("aria-pressed", "false")


async def test_a_browsers_own_recording_is_taken_too(listening: Browser, studio: Studio) -> None:
    async with page_of(listening, studio) as page:
        await page.evaluate(RECORD)
        heard = await studio.next_audio("mine", 1.5)
        assert pitch(b"".join(chunk.pcm for chunk in heard)[16_000:]) == pytest.approx(HZ, abs=5)


async def test_another_channel_ends_the_microphone(listening: Browser, studio: Studio) -> None:
    async with page_of(listening, studio) as page:
        button = page.get_by_role("button", name="Microphone")
        await button.click()
        await expect(button).to_have_attribute("data-state", "live")
        await page.get_by_label("Channel").fill("theirs")
        await page.get_by_role("button", name="Watch").click()
        await expect(button).to_have_attribute("data-state", "closing")


async def test_who_refuses_is_told_how_to_allow(windows: Windows, studio: Studio) -> None:
    async with windows.blank() as page:
        await page.add_init_script(REFUSE)
        await page.goto(studio.url + "?channel=mine")
        await page.get_by_role("button", name="Microphone").click()
        await expect(page.locator("#microphone-status")).to_contain_text("was refused. Allow it")
        await expect(page.locator("#microphone-status")).to_have_role("status")
        await expect(page.locator("#microphone")).to_have_attribute("data-state", "off")


async def test_a_page_that_is_not_secure_says_what_is_needed(
    windows: Windows, studio: Studio
) -> None:
    async with windows.blank() as page:
        hide = "Object.defineProperty(navigator, 'mediaDevices', { value: undefined })"
        await page.add_init_script(hide)
        await page.goto(studio.url + "?channel=mine")
        await page.get_by_role("button", name="Microphone").click()
        await expect(page.locator("#microphone-status")).to_contain_text("https or on localhost")


async def test_a_channel_on_air_keeps_its_voice(listening: Browser, studio: Studio) -> None:
    async with page_of(listening, studio) as page:
        await studio.say(caption("a", 1, "the news", channel="mine"))
        await expect(page.locator("#lines")).to_contain_text("the news")
        await page.get_by_role("button", name="Microphone").click()
        await expect(page.locator("#microphone-status")).to_contain_text("Somebody speaks on mine")


async def test_a_token_that_may_not_publish_is_told(listening: Browser) -> None:
    async with on_air("a secret of more than thirty-two bytes") as studio:
        windows = Windows(listening)
        async with windows.blank() as page:
            await page.goto(f"{studio.url}?channel=demo#token={studio.token('subscribe')}")
            await expect(page.locator("#stage")).to_have_attribute("data-channel", "demo")
            await page.get_by_role("button", name="Microphone").click()
            status = page.locator("#microphone-status")
            await expect(status).to_contain_text("The microphone is off:")
            await expect(status).to_contain_text("publish")
