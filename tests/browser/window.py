"""Pages in headless Chromium, and a watch on what they complain of."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, expect

PATIENCE_MS = 15_000
"""A test that waits longer than this waits for nothing."""
expect.set_options(timeout=PATIENCE_MS)

FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium_path() -> str:
    """Skips the test where there is no Chromium."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    pytest.skip("no chromium on the path (scripts/test-tools installs it)")


class Windows:
    """Opens pages, each in a context of its own."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._complaints: list[str] = []
        self._forgiven: list[str] = []

    @asynccontextmanager
    async def blank(self, **options: Any) -> AsyncIterator[Page]:
        """A page that is nowhere yet; 1280 by 800 unless `options` of the context say otherwise."""
        options = {"viewport": {"width": 1280, "height": 800}, **options}
        context = await self._browser.new_context(**options)
        context.set_default_timeout(PATIENCE_MS)
        try:
            page = await context.new_page()
            page.on("pageerror", lambda error: self._complaints.append(str(error)))
            page.on("console", self._hear)
            yield page
        finally:
            await context.close()

    def forgive(self, part: str) -> None:
        """A complaint with this in it is what the test is about."""
        self._forgiven.append(part)

    def complaints(self) -> list[str]:
        """Errors and warnings in the console, and exceptions, that nobody expected."""
        forgiven = self._forgiven
        return [told for told in self._complaints if not any(part in told for part in forgiven)]

    def _hear(self, line: ConsoleMessage) -> None:
        if line.type in {"error", "warning"}:
            self._complaints.append(f"{line.type}: {line.text}")
