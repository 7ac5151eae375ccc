"""Publishing and watching from a terminal, through a running server."""

from __future__ import annotations

import asyncio
import math
import sys
from contextlib import suppress

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from stream.adapters.media import Reading
from stream.client import Client, Server, ServerGone, ServerRefused, connected, follow
from stream.core.messages import (
    Caption,
    Closed,
    Error,
    Gap,
    Opened,
    Post,
    Retract,
    ServerMessage,
    Stale,
    Subscribed,
    Translation,
)
from stream.core.offers import ALL
from stream.core.records import SAMPLE_RATE
from stream.core.requests import Close, Kind, Open, Subscribe
from stream.ports import Clock
from stream.running import notes, printable, warn
from stream.translating import INQUIRY_S

PIECE_BYTES = SAMPLE_RATE // 25 * 2
CLOSE_S = 30.0
WISH_S = INQUIRY_S + 0.5
"""Within so long of the beginning a server has said which subtitles nobody offers."""
AHEAD_S = 5.0
SHOWN: tuple[Kind, ...] = ("captions", "translations", "posts")


async def ingest(
    source: Reading,
    channel: str,
    server: Server,
    clock: Clock,
    *,
    realtime: bool,
    translate: tuple[str, ...] = (),
) -> float:
    """Publish a recording or stream on a channel, with subtitles in `translate` (`*`: all that are
    offered); returns its seconds.

    What has no end is sent as it comes, a file as fast as the server takes it, or at its own pace
    where that is wanted. Returns when the server has captioned the last of it, and has had time to
    say which subtitles nobody offers; cancelled, it leaves and the server finishes what it has.
    Raises Unplayable, ServerGone, ServerRefused.
    """
    async with source as reading, connected(server) as client:
        await client.send(Open(id="ingest", channel=channel, translate=translate))
        await client.expect(Opened, "ingest")
        judged = clock.now() + (WISH_S if translate and ALL not in translate else 0.0)
        hearing = asyncio.create_task(_hear_out(client))
        try:
            sent = await _send(client, reading, clock, _ahead_s(source, realtime=realtime))
            await client.send(Close(id="end", channel=channel))
            async with asyncio.timeout(CLOSE_S):
                warned = await hearing
            if not warned:
                await _hear_of_wishes(client, judged - clock.now())
        finally:
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)
    if source.damaged:
        notes.print(f"{printable(source.source)}: {source.damaged} damaged packets skipped")
    return sent


async def _send(client: Client, source: Reading, clock: Clock, ahead_s: float) -> float:
    """All the pieces, at most `ahead_s` ahead of speech; returns their seconds."""
    began, sent = clock.now(), 0.0
    with _bar() as bar:
        task = bar.add_task(printable(source.source)[-40:], total=source.seconds)
        async for piece in source:
            sent += len(piece) / 2 / SAMPLE_RATE
            early_s = began + sent - ahead_s - clock.now()
            if early_s > 0:
                await asyncio.sleep(early_s)
            await client.send_audio(piece)
            bar.update(task, completed=sent)
    return sent


async def _hear_out(client: Client) -> bool:
    """Until the channel is closed; what its audio survives is said. Returns whether anything was.
    Raises ServerRefused.
    """
    warned = False
    while True:
        match await client.receive():
            case Closed():
                return warned
            case Error(message=told, id="ingest"):
                warn(told)
                warned = True
            case Error(message=told):
                raise ServerRefused(told)


async def _hear_of_wishes(client: Client, left_s: float) -> None:
    """A short recording is over before the server knows which subtitles nobody offers."""
    with suppress(TimeoutError, ServerGone):
        async with asyncio.timeout(left_s):
            while not isinstance(message := await client.receive(), Error):
                pass
            warn(message.message)


def _ahead_s(source: Reading, *, realtime: bool) -> float:
    """How far to run ahead of speech. What is buffered on the way must be read before the end of a
    source that has none (a generator, a device) is seen.
    """
    if realtime:
        return 0.0
    return math.inf if source.seconds is not None else AHEAD_S


async def watch(channel: str, server: Server, languages: tuple[str, ...]) -> None:
    """Show captions (and translations into `languages`) as they come, until cancelled."""
    request = Subscribe(id="watch", channel=channel, kinds=SHOWN, languages=("en", *languages))
    screen = Screen(sys.stdout.isatty())
    async for message in follow(server, request):
        sys.stdout.write(screen.show(message))
        sys.stdout.flush()


class Screen:
    """Finals stay; on a terminal the newest partial stands below them and is overwritten."""

    CLEAR, DIM, PLAIN = "\r\x1b[2K", "\x1b[2m", "\x1b[0m"

    def __init__(self, is_terminal: bool, width: int = 100) -> None:
        self._is_terminal = is_terminal
        self._width = width

    def show(self, message: ServerMessage) -> str:
        """What to write for this message; nothing for most."""
        if isinstance(message, Caption | Translation) and not message.final:
            return self._passing(message.text)
        line = _line(message)
        if line is None:
            return ""
        return f"{self.CLEAR if self._is_terminal else ''}{printable(line)}\n"

    def _passing(self, text: str) -> str:
        if not self._is_terminal:
            return ""
        return f"{self.CLEAR}{self.DIM}{printable(text)[-self._width :]}{self.PLAIN}"


def _line(message: ServerMessage) -> str | None:
    told = None
    match message:
        case Caption() | Translation():
            told = f"{_clock(message.start)} {message.text}{' (late)' if message.late else ''}"
        case Post():
            told = f"      {message.author}: {message.text}"
        case Gap():
            told = f"{_clock(message.start)} [{message.reason}]"
        case Retract():
            told = f"      [retracted: {message.reason}]"
        case Stale(over=False):
            told = "      [nothing new: the captions' worker or the bus is away]"
        case Subscribed(recovered=False):
            told = "      [something was missed]"
    return told


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60:02}:{int(seconds) % 60:02}"


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f} s"),
        TimeRemainingColumn(),
        console=notes,
        transient=True,
    )
