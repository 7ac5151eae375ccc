"""`ontime transcribe` on what never ends: read as it comes, and written when it is ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from stream.core.messages import Caption
from tests.end_to_end import engines
from tests.support.scripted import SPOKEN
from workers import offline
from workers import transcribe as decoding
from workers.offline import Wanted

PATIENCE_S = 40.0


async def test_what_was_heard_until_ctrl_c_is_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    heard, inner = asyncio.Event(), decoding.transcribe

    async def watched(*about: Any, **more: Any) -> AsyncIterator[tuple[float, list[Caption]]]:
        async for seconds, ended in inner(*about, **more):
            yield seconds, ended
            if ended:
                heard.set()

    monkeypatch.setattr(offline, "transcribe", watched)
    wanted = Wanted(engine=engines.CAPTIONS, source_form="lavfi")
    async with asyncio.timeout(PATIENCE_S):
        running = asyncio.create_task(offline.transcribe_files(["sine=frequency=440"], wanted))
        await heard.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert " ".join(SPOKEN) in capsys.readouterr().out
