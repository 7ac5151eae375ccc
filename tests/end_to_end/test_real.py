"""The main job on real input: speech is captioned and posts are judged by the shipped engines."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import orjson
import pytest

from stream.demo import bundled
from tests.end_to_end.commands import ANY_PORT, ontime, ports_of, run
from tests.end_to_end.speaking import speaker
from tests.support.served import Fields, Speaker

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

DEMO = Path(bundled().recordings[0]).parent
RECORDINGS = ("2136-5147-0025", "3242-8112-0031")
"""The two shortest that the demo plays, 13 seconds together."""
WORST = 0.6


def reference(name: str) -> list[str]:
    entries = orjson.loads((DEMO / "manifest.json").read_bytes())
    (text,) = [entry["text"] for entry in entries if entry["audio"] == f"{name}.opus"]
    return words_of(text)


def words_of(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def error_rate(heard: list[str], said: list[str]) -> float:
    """Words to insert, delete or replace (Levenshtein), for each word that was said."""
    row = list(range(len(heard) + 1))
    for number, word in enumerate(said, 1):
        before, row[0] = row[0], number
        for place, other in enumerate(heard, 1):
            best = min(before + (word != other), row[place] + 1, row[place - 1] + 1)
            before, row[place] = row[place], best
    return row[-1] / len(said)


def test_the_measure_itself() -> None:
    assert error_rate(["a", "b"], ["a", "b"]) == 0
    assert error_rate(["a", "x", "c", "d"], ["a", "b", "c"]) == pytest.approx(2 / 3)
    assert error_rate([], ["a", "b"]) == 1


async def test_a_recording_is_transcribed() -> None:
    recording = str(DEMO / f"{RECORDINGS[1]}.opus")
    status, output, _ = await run("transcribe", recording)
    assert status == 0
    assert error_rate(words_of(output), reference(RECORDINGS[1])) < WORST


async def test_a_recording_goes_through_a_running_server_and_a_post_is_judged() -> None:
    async with ontime("up", *ANY_PORT) as command:
        await command.hear("Ctrl-C stops")
        port, _ = await ports_of(command)
        async with speaker(port) as subscriber:
            await subscriber.ask("subscribed", type="subscribe", channel="studio")
            name = RECORDINGS[0]
            arguments = ("ingest", str(DEMO / f"{name}.opus"), "--channel", "studio")
            status, _, told = await run(*arguments, ONTIME_URL=f"ws://127.0.0.1:{port}")
            assert (status, "error" in told) == (0, False)
            await subscriber.ask("pong", type="ping")
            captions = [each for each in subscriber.heard if each["type"] == "caption"]
            finals = [each for each in captions if each["final"]]
            heard = words_of(" ".join(each["text"] for each in finals))
            assert error_rate(heard, reference(name)) < WORST
            check_promises(captions)
            await check_judged(subscriber)


def check_promises(captions: Iterable[Fields]) -> None:
    """What a partial calls stable stands in every later text of the segment."""
    stable: dict[str, str] = {}
    for caption in captions:
        segment, text = caption["segment"], caption["text"]
        if not caption["final"]:
            assert text.startswith(stable.get(segment, ""))
            stable[segment] = text[: caption["stable"]]


async def check_judged(peer: Speaker) -> None:
    ask = {"type": "gate", "channel": "studio", "budget_ms": 10_000}
    kind = await peer.ask("verdict", **ask, id="1", text="good evening, everybody")
    assert (kind["action"], kind["degraded"]) == ("allow", False)
    rude = await peer.ask("verdict", **ask, id="2", text="this is sh1t")
    assert (rude["action"] in {"review", "block"}, rude["degraded"]) == (True, False)
    assert rude["labels"]["offensive"] > kind["labels"]["offensive"]
    assert any("offensive" in reason for reason in rude["reasons"])
