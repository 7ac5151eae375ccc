"""Somebody speaks to the page: a browser's microphone, our own recogniser, words on screen."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest
from playwright.async_api import async_playwright, expect

from tests.browser.window import FLAGS, Windows, chromium_path
from tests.end_to_end.commands import ANY_PORT, ontime, ports_of
from tests.support.speech import read_speech

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]
SPEECH_MS = 60_000
"""Fifteen seconds are spoken; a loaded machine decodes more slowly."""


def write_speech(path: Path) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(read_speech())
    return path


async def test_what_is_said_to_the_page_is_read_on_it(tmp_path: Path) -> None:
    speech = write_speech(tmp_path / "speech.wav")
    flags = [
        *FLAGS,
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={speech}",
    ]
    async with ontime("up", *ANY_PORT) as command, async_playwright() as playwright:
        await command.hear("Ctrl-C stops")
        port, _ = await ports_of(command)
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=flags)
        async with Windows(browser).blank() as page:
            await page.goto(f"http://127.0.0.1:{port}/?channel=mine")
            await expect(page.locator("#stage")).to_have_attribute("data-channel", "mine")
            await page.get_by_role("button", name="Microphone").click()
            line = page.locator("#transcript .line").first
            await expect(line).to_contain_text("pity", ignore_case=True, timeout=SPEECH_MS)
            await page.get_by_role("button", name="Microphone").click()
            status = page.locator("#microphone-status")
            await expect(status).to_have_text("", timeout=SPEECH_MS)
        await browser.close()
        assert await command.end() == 0
