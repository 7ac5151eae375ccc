"""Commands that need no model, against a real gateway and a real broker."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from stream import terminal
from stream.adapters.clock import AnchoredClock
from stream.adapters.media import Reading
from stream.adapters.tokens import Tokens
from stream.cli import app
from stream.client import Server, ServerGone, follow
from stream.core import wire
from stream.core.errors import Unplayable
from stream.core.messages import Gap, ServerMessage, Stale, Subscribed
from stream.core.records import Log, Progress, Topic
from stream.core.requests import Subscribe
from stream.demo import bundled
from tests.support.broker import new_prefix
from tests.support.facts import caption, post, retract, translation
from tests.support.served import PATIENCE_S, SECRET, Served, served


def run(*arguments: str, **settings: str) -> Result:
    return CliRunner().invoke(app, arguments, env=settings)


def told(result: Result) -> str:
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    return result.stderr


def test_a_token_carries_what_was_asked_for() -> None:
    asked = ("--subject", "ann", "--right", "publish", "--right", "gate", "--channel", "news-*")
    result = run("token", *asked, "--hours", "1", ONTIME_TOKEN_SECRET=SECRET)
    permissions = Tokens(SECRET).verify(result.stdout.strip())
    assert permissions.subject == "ann"
    assert permissions.allows("publish", "news-1")
    assert permissions.allows("gate", "news-1")
    assert not permissions.allows("subscribe", "news-1")
    assert not permissions.allows("publish", "sport")
    assert permissions.expires is not None


def test_a_token_needs_a_secret_and_rights_that_exist() -> None:
    asked = ("token", "--subject", "ann", "--channel", "x", "--right")
    assert "ONTIME_TOKEN_SECRET" in told(run(*asked, "publish", ONTIME_TOKEN_SECRET=""))
    assert "error: " in told(run(*asked, "everything", ONTIME_TOKEN_SECRET=SECRET))


@pytest.mark.kafka
def test_topics_are_made_once_and_checked(kafka: str) -> None:
    broker = {"ONTIME_KAFKA": kafka, "ONTIME_KAFKA_PREFIX": new_prefix()}
    missing = run("topics", "check", **broker)
    assert missing.exit_code == 1
    assert missing.stdout.count("is missing") == len(Topic)
    made = run("topics", "create", "--partitions", "2", **broker)
    assert (made.exit_code, made.stdout[:5]) == (0, "made ")
    assert run("topics", "create", **broker).stdout == "nothing was missing\n"
    checked = run("topics", "check", **broker)
    assert (checked.exit_code, checked.stdout) == (0, "all topics are as expected\n")


async def caption_audio(house: Served) -> float:
    """Play the captions worker until a publisher's audio is over; the seconds that came."""
    logs = [Log(Topic.AUDIO, partition) for partition in range(house.bus.partitions)]
    reader = await house.bus.tail(logs, 1e9)
    seconds = 0.0
    while True:
        for record in (await reader.read(100, 1.0)).records:
            chunk = wire.decode_audio(record)
            seconds += len(chunk.pcm) / 32_000
            if chunk.last:
                over = Progress(
                    channel=chunk.channel, epoch=chunk.epoch, audio_end=seconds, over=True
                )
                await house.write(Topic.PARTIALS, chunk.channel, over)
                return seconds


def address(house: Served) -> Server:
    return Server(f"ws://127.0.0.1:{house.port}")


async def test_a_recording_is_published_whole_and_its_end_awaited() -> None:
    recording = str(min(bundled().recordings, key=lambda path: path.stat().st_size))
    async with served() as house, asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
        captioned = tasks.create_task(caption_audio(house))
        sent = await terminal.ingest(
            Reading(recording), "news", address(house), AnchoredClock(), realtime=False
        )
        assert 5 < sent < 10
        assert await captioned == pytest.approx(sent)


async def test_what_never_ends_is_ended_by_leaving() -> None:
    """Ctrl-C cancels; the server then finishes the audio that it has."""
    tone = Reading("sine=frequency=440", form="lavfi")
    async with served() as house, asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
        captioned = tasks.create_task(caption_audio(house))
        clock = AnchoredClock()
        sending = tasks.create_task(
            terminal.ingest(tone, "news", address(house), clock, realtime=False)
        )
        await house.read(Topic.AUDIO, 10)
        sending.cancel()
        assert await captioned > 0.2
    assert sending.cancelled()


async def test_subtitles_that_nobody_offers_are_said_while_the_audio_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tone = Reading("sine=frequency=440", form="lavfi")
    said: asyncio.Queue[str] = asyncio.Queue()
    monkeypatch.setattr(terminal, "warn", said.put_nowait)
    async with served() as house, asyncio.timeout(PATIENCE_S):
        sending = asyncio.create_task(
            terminal.ingest(
                tone, "news", address(house), AnchoredClock(), realtime=True, translate=("de",)
            )
        )
        assert (await said.get()).endswith("expected subtitles: de")
        assert not sending.done()
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def test_a_recording_that_is_over_first_waits_for_what_nobody_offers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []
    monkeypatch.setattr(terminal, "warn", said.append)
    recording = str(min(bundled().recordings, key=lambda path: path.stat().st_size))
    async with served() as house, asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
        captioned = tasks.create_task(caption_audio(house))
        await terminal.ingest(
            Reading(recording),
            "news",
            address(house),
            AnchoredClock(),
            realtime=False,
            translate=("de",),
        )
        assert captioned.done()
    (warning,) = said
    assert warning.endswith("expected subtitles: de")


async def test_what_cannot_be_played_or_published_is_said(tmp_path: Path) -> None:
    noise = tmp_path / "noise.wav"
    noise.write_bytes(b"this is not sound")
    server, clock = Server("ws://127.0.0.1:1"), AnchoredClock()
    with pytest.raises(Unplayable, match=r"noise\.wav cannot be opened"):
        await terminal.ingest(Reading(str(noise)), "news", server, clock, realtime=False)
    speech = Reading(str(bundled().recordings[0]))
    with pytest.raises(ServerGone, match="no server at"):
        await terminal.ingest(speech, "news", server, clock, realtime=False)


class Paper(io.StringIO):
    """Standard output whose lines can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: asyncio.Queue[str] = asyncio.Queue()

    def write(self, text: str) -> int:
        if text:
            self.lines.put_nowait(text)
        return len(text)


async def test_watching_writes_finals_and_posts_a_line_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paper, subscribed = Paper(), asyncio.Event()

    async def following(server: Server, request: Subscribe) -> AsyncIterator[ServerMessage]:
        async for message in follow(server, request):
            subscribed.set()
            yield message

    monkeypatch.setattr(terminal, "follow", following)
    monkeypatch.setattr(sys, "stdout", paper)
    async with served() as house, asyncio.timeout(PATIENCE_S):
        watching = asyncio.create_task(terminal.watch("news", address(house), ("de",)))
        await subscribed.wait()
        await house.write(Topic.PARTIALS, "news", caption(text="hel"))
        await house.write(Topic.CAPTIONS, "news", caption(text="hello", revision=2, final=True))
        await house.write(Topic.TRANSLATIONS, "news", translation(revision=2, final=True))
        await house.write(Topic.EVENTS, "news", post(text="hi \x1b[2J"))
        lines = sorted([await paper.lines.get() for _ in range(3)])
        watching.cancel()
    assert lines == ["      ann: hi  [2J\n", "00:00 hallo\n", "00:00 hello\n"]


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (caption(text="hello", final=True), "00:00 hello"),
        (translation(final=True), "00:00 hallo"),
        (post(text="hi\nthere"), "      ann: hi there"),
        (Gap(channel="c", start=61.0, end=62.0, reason="audio is missing"), "01:01 [audio is"),
        (retract(), "      [retracted: withdrawn]"),
        (Stale(channel="c", since_ms=5, over=False), "      [nothing new"),
        (
            Subscribed(id="s", channel="c", cursor="x", recovered=False),
            "      [something was missed]",
        ),
    ],
)
def test_each_message_has_its_line(message: ServerMessage, line: str) -> None:
    plain, screen = terminal.Screen(False), terminal.Screen(True)
    assert plain.show(message).startswith(line)
    assert plain.show(message).count("\n") == 1
    assert screen.show(message) == terminal.Screen.CLEAR + plain.show(message)


@pytest.mark.parametrize(
    "message",
    [
        Stale(channel="c", since_ms=5, over=True),
        Subscribed(id="s", channel="c", cursor="x", recovered=True),
    ],
)
def test_what_needs_no_line_has_none(message: ServerMessage) -> None:
    assert terminal.Screen(True).show(message) == ""


def test_a_partial_is_overwritten_on_a_terminal_and_left_out_elsewhere() -> None:
    partial = caption(text="a" * 200 + "\x1b]0;owned\x07")
    assert terminal.Screen(False).show(partial) == ""
    shown = terminal.Screen(True, width=20).show(partial)
    text = shown.removeprefix(terminal.Screen.CLEAR + terminal.Screen.DIM)
    assert text == "a" * 10 + " ]0;owned " + terminal.Screen.PLAIN
