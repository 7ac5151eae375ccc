"""Audio from a publisher to the audio log, at the pace of speech, and word of its end."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol

from stream.alarm import Alarm
from stream.core import wire
from stream.core.errors import BusError, BusFull, Malformed, OntimeError, Unavailable
from stream.core.feed import BYTES_PER_SAMPLE, Feed, Pace
from stream.core.messages import Closed, Error
from stream.core.pending import Asked, Pending
from stream.core.records import SAMPLE_RATE, AudioChunk, Log, Position, Progress, Topic
from stream.core.requests import Close, Open
from stream.gate import Asker
from stream.ports import Bus, Clock

READ_AGAIN_S = 0.01


class Decoder(Protocol):
    """What a publisher sends, as 16 kHz mono s16le; empty pieces give others a turn."""

    def decode(self, piece: bytes) -> Iterator[bytes]:
        """The samples that a piece completes. Raises Malformed when the recording is broken."""

    def flush(self) -> bytes:
        """What is still inside; nothing may follow."""


class PublishingLimits(NamedTuple):
    """A publisher may run `ahead_s` ahead of real time, then it is read no further.

    More than `piece_s` in one piece breaks its audio off, for the rest would take too long to come.
    Of compressed audio `compressed_per_s` bytes a second are read (Opus has 64,000 at most).
    `closed` is waited for `closing_s`; giving up on a bus that takes nothing takes `leaving_s`.
    """

    ahead_s: float = 10.0
    piece_s: float = 30.0
    compressed_per_s: int = 65_536
    closing_s: float = 30.0
    leaving_s: float = 2.0
    closing: int = 10_000


class _Closing(NamedTuple):
    request: Close
    asker: Asker


class Studio:
    """What all publishers of this gateway share; tells each when its last final is out.

    `captions_read`: the offset up to which the fan-out has read a channel's captions.
    """

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        make_decoder: Callable[[str, int], Decoder],
        captions_read: Callable[[str], int],
        limits: PublishingLimits = PublishingLimits(),  # noqa: B008
    ) -> None:
        self.bus = bus
        self.clock = clock
        self.limits = limits
        self.make_decoder = make_decoder
        self.opened = 0
        self.live = 0
        self.chunks = 0
        self.lost = 0
        self._closing: Pending[_Closing] = Pending(limits.closing)
        self._alarm = Alarm(clock, self._expire)
        self._captions_read = captions_read
        self._ended: deque[Progress] = deque()  # bounded by those who wait
        self._some = asyncio.Event()

    def await_end(self, epoch: str, request: Close, asker: Asker) -> None:
        """Answer `request` when the epoch is over. Raises Overloaded."""
        now = self.clock.now()
        deadline = now + self.limits.closing_s
        self._closing.put(epoch, _Closing(request, asker), now, deadline)
        self._alarm.set(self._closing.next_due())

    def ended(self, progress: Progress) -> None:
        """A worker says that it has published all there is of an epoch."""
        if progress.epoch in self._closing:
            self._ended.append(progress)
            self._some.set()

    async def run(self) -> None:
        """Answer those whose epoch is over, once its last final has been read; until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    await self._some.wait()
                    self._some.clear()
                    while self._ended:
                        tasks.create_task(self._close(self._ended.popleft()))
        finally:
            self._alarm.stop()

    def statistics(self) -> dict[str, float]:
        return {
            "opened": self.opened,
            "live": self.live,
            "chunks": self.chunks,
            "lost": self.lost,
            "closing": len(self._closing),
            "closing_expired": self._closing.expired,
        }

    async def _close(self, progress: Progress) -> None:
        """The worker wrote the final before its word of the end, but into another log."""
        log = Log(Topic.CAPTIONS, self.bus.partition_of(progress.channel))
        try:
            async with asyncio.timeout(self.limits.leaving_s):
                end = (await self.bus.ends([log]))[log]
                # the fan-out tells nobody how far it is, and the difference is a matter of one read
                while self._captions_read(progress.channel) < end:  # noqa: ASYNC110
                    await asyncio.sleep(READ_AGAIN_S)
        except (TimeoutError, BusError):
            self.lost += 1  # the answer is due all the same
        asked = self._closing.take(progress.epoch)
        self._alarm.set(self._closing.next_due())
        if asked is not None:
            request, asker = asked.question
            asker.tell(Closed(id=request.id, channel=request.channel))

    def _expire(self) -> None:
        for asked in self._closing.expire(self.clock.now()):
            self._give_up(asked)
        self._alarm.set(self._closing.next_due())

    def _give_up(self, asked: Asked[_Closing]) -> None:
        request, asker = asked.question
        told = f"no captions worker finished this audio within {self.limits.closing_s:g} s"
        asker.tell(Error(code=Unavailable.code, message=told, id=request.id))
        asker.tell(Closed(id=request.id, channel=request.channel))


class Publisher:
    """One epoch of a channel, from `open` to `close` or the connection's end.

    Audio that cannot be decoded is told once; what follows it is not listened to.
    """

    def __init__(self, studio: Studio, request: Open, epoch: str, asker: Asker) -> None:
        now = studio.clock.now()
        self.feed = Feed(request, epoch, now)
        self._studio = studio
        self._asker = asker
        self._decoder = studio.make_decoder(request.encoding, request.sample_rate)
        self._compressed = request.encoding != "pcm_s16le"
        self._bytes = Pace(studio.limits.compressed_per_s, now)
        self._broken = False
        studio.opened += 1
        studio.live += 1

    async def put(self, piece: bytes) -> None:
        """Publish what a piece holds; waits while the publisher is too far ahead.

        Raises Malformed for the piece in which the audio breaks off.
        """
        if self._broken:
            return
        try:
            await self._put(piece)
        except Malformed:
            self._broken = True
            raise
        now, limits = self._studio.clock.now(), self._studio.limits
        ahead_s = max(self.feed.ahead_s(now), self._bytes.ahead_s(now)) - limits.ahead_s
        if ahead_s > 0:
            await asyncio.sleep(ahead_s)

    async def _put(self, piece: bytes) -> None:
        studio = self._studio
        if self._compressed:
            self._bytes.add(len(piece))
        for pcm in self._decoder.decode(piece):
            now = studio.clock.now()
            await self._publish(self.feed.put(pcm, now))
            if self.feed.ahead_s(now) > studio.limits.ahead_s + studio.limits.piece_s:
                most = f"{studio.limits.piece_s:g} s"
                raise Malformed("audio", f"more than {most} in a piece", f"at most {most}")
            if self._compressed:
                await asyncio.sleep(0)  # a recording of many small packets must not hold up others

    async def end(self) -> None:
        """Publish what is left, marked as the last. Raises BusError where the bus takes nothing."""
        self._studio.live -= 1
        chunks = self.feed.end(self._decoder.flush(), self._studio.clock.now())
        try:
            async with asyncio.timeout(self._studio.limits.leaving_s):
                await self._publish(chunks)
        except TimeoutError as error:
            self._studio.lost += 1
            raise BusFull("the bus does not take the end of this audio") from error

    async def _publish(self, chunks: Iterable[AudioChunk]) -> None:
        for chunk in chunks:
            self._studio.chunks += 1
            await self._publish_chunk(chunk)

    async def _publish_chunk(self, chunk: AudioChunk) -> None:
        """Queue it; where there is no room, wait for room, and the publisher with us."""
        bus, payload = self._studio.bus, wire.encode_audio(chunk)
        key, value, headers = chunk.channel, payload.value, payload.headers
        try:
            sent = bus.publish_nowait(Topic.AUDIO, key, value, headers)
        except BusFull:
            try:
                await bus.publish(Topic.AUDIO, key, value, headers)
            except BusError as error:
                self._report(chunk, error)
        except BusError as error:
            self._report(chunk, error)
        else:
            sent.add_done_callback(lambda done: self._acknowledged(chunk, done))

    def _acknowledged(self, chunk: AudioChunk, sent: asyncio.Future[Position]) -> None:
        if not sent.cancelled() and isinstance(error := sent.exception(), OntimeError):
            self._report(chunk, error)

    def _report(self, chunk: AudioChunk, error: OntimeError) -> None:
        """Audio that did not get through is never silently missing."""
        self._studio.lost += 1
        start = chunk.start / SAMPLE_RATE
        end = start + len(chunk.pcm) / BYTES_PER_SAMPLE / SAMPLE_RATE
        told = f"audio from {start:.2f} to {end:.2f} s is lost: {error}"
        self._asker.tell(Error(code=error.code, message=told))
