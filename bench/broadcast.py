"""Recordings sent at 1x by publishers, and what came back when: how live captions are judged."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from stream.client import Client, Server, connected
from stream.core.messages import Caption, Opened, Subscribed
from stream.core.records import SAMPLE_RATE
from stream.core.requests import Open, Subscribe

PIECE_S = 0.04
PAUSE_S = 1.2
SAMPLED_S = 0.02
QUIET_DB = -35.0
"""Below the loudest 10 ms of a recording: nobody speaks."""

LONGEST_GAP = 30
"""In 10 ms: what is longer is a pause."""

Samples = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Programme:
    """A channel's audio: recordings with pauses. In seconds: `spoken` are the recordings' (start,
    end), `voiced` the stretches in them without a pause.
    """

    audio: Samples
    spoken: tuple[tuple[float, float], ...]
    voiced: tuple[tuple[float, float], ...]


def programme_of(recordings: Sequence[Samples]) -> Programme:
    pause = np.zeros(int(PAUSE_S * SAMPLE_RATE), np.int16)
    parts, at = [pause], PAUSE_S
    spoken: list[tuple[float, float]] = []
    voiced: list[tuple[float, float]] = []
    for samples in recordings:
        stretches = speech_in(samples)
        voiced += [(at + first, at + last) for first, last in stretches]
        spoken.append((at + stretches[0][0], at + stretches[-1][1]))
        parts += [samples, pause]
        at += len(samples) / SAMPLE_RATE + PAUSE_S
    return Programme(np.concatenate(parts), tuple(spoken), tuple(voiced))


def speech_in(samples: Samples) -> list[tuple[float, float]]:
    """Where speech begins and ends, in seconds, by loudness; a pause parts two stretches."""
    whole = samples[: len(samples) // 160 * 160].astype(np.float32).reshape(-1, 160)
    loud = 10 * np.log10(np.square(whole).mean(1) + 1e-3)
    there = np.flatnonzero(loud > loud.max() + QUIET_DB)
    runs = np.split(there, np.flatnonzero(np.diff(there) > LONGEST_GAP) + 1)
    return [(float(run[0]) / 100, float(run[-1] + 1) / 100) for run in runs]


@dataclass(slots=True)
class Channel:
    """What was sent when, and what came: `began` is when the audio's first sample was spoken."""

    programme: Programme
    began: float = 0.0
    came: list[tuple[float, Caption]] = field(default_factory=list)

    @property
    def finals(self) -> list[tuple[float, Caption]]:
        return [(at, caption) for at, caption in self.came if caption.final]

    def lags(self) -> Iterator[float]:
        """Milliseconds, every 20 ms while someone speaks: now minus the end of what is shown."""
        for first, last in self.programme.voiced:
            shown, place = first, 0
            for now in map(float, np.arange(first, last, SAMPLED_S)):
                while place < len(self.came) and self.came[place][0] - self.began <= now:
                    shown = max(shown, self.came[place][1].audio_end)
                    place += 1
                yield (now - min(shown, now)) * 1000

    def ends(self) -> Iterator[float]:
        """Milliseconds from the end of speech to the final that has its last word."""
        for begin, last in self.programme.spoken:
            after = [at - self.began for at, final in self.finals if begin < final.end <= last + 1]
            if after:
                yield (after[-1] - last) * 1000

    def first_words(self) -> Iterator[float]:
        """Milliseconds from the beginning of speech, and of each pause's end, to the first words
        that cover some of it.
        """
        for first, last in self.programme.voiced:
            for at, caption in self.came:
                if any(first <= (word.start + word.end) / 2 <= last for word in caption.words):
                    yield (at - self.began - first) * 1000
                    break

    def false_ends(self) -> int:
        """Finals that ended a segment while its speaker had not finished."""
        return sum(
            any(first < final.audio_end < last for first, last in self.programme.spoken)
            for _, final in self.finals
        )

    def word_delays(self) -> Iterator[tuple[float, float]]:
        """Milliseconds from the end of a word to when it was first shown, and shown as settled,
        wherever in the text it then stood.
        """
        for segment in self._segments():
            came, final = segment[-1]
            words = [" ".join(plain(word.word)) for word in final.words]
            shown: dict[int, float] = {}
            settled: dict[int, float] = {}
            for at, caption in segment:
                stable = len(plain(caption.text[: caption.stable]))
                for here, place in matches(plain(caption.text), words):
                    shown.setdefault(place, at)
                    if here < stable:
                        settled.setdefault(place, at)
            for place, word in enumerate(final.words):
                spoken = self.began + word.end
                first, sure = shown.get(place, came), settled.get(place, came)
                yield (first - spoken) * 1000, (sure - spoken) * 1000

    def withdrawn(self) -> int:
        """Words that were shown and did not stay, and all that stood behind them."""
        return sum(len(before) - common(before, after) for before, after in self._revisions())

    def replaced(self) -> int:
        """Words that were shown and did not stay; those behind them may have."""
        return sum(
            len(before) - sum(1 for _ in matches(before, after))
            for before, after in self._revisions()
        )

    def _revisions(self) -> Iterator[tuple[list[str], list[str]]]:
        for segment in self._segments():
            yield from pairwise(plain(caption.text) for _, caption in segment)

    def words(self) -> int:
        return sum(len(plain(final.text)) for _, final in self.finals)

    def _segments(self) -> Iterator[list[tuple[float, Caption]]]:
        by_id: dict[str, list[tuple[float, Caption]]] = {}
        for at, caption in self.came:
            by_id.setdefault(caption.segment, []).append((at, caption))
        yield from (segment for segment in by_id.values() if segment[-1][1].final)


def plain(text: str) -> list[str]:
    """Words without case and punctuation: a final may add both."""
    return re.findall(r"[a-z0-9']+", text.lower())


def common(before: Sequence[str], after: Sequence[str]) -> int:
    """How many words both begin with."""
    count = 0
    for one, other in zip(before, after, strict=False):
        if one != other:
            break
        count += 1
    return count


def matches(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Places of the words that both have, in their order."""
    found = SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks()
    for here, there, size in found:
        yield from zip(range(here, here + size), range(there, there + size), strict=True)


async def broadcast(url: str, programmes: Sequence[Programme]) -> list[Channel]:
    """Each on a channel of its own, in real time and out of step with each other."""
    channels = [Channel(programme) for programme in programmes]
    async with asyncio.TaskGroup() as tasks:
        for number, channel in enumerate(channels):
            delay_s = 0.32 * number / len(channels)
            tasks.create_task(_play(url, f"c{number}", delay_s, channel))
    return channels


async def _play(url: str, name: str, delay_s: float, channel: Channel) -> None:
    async with connected(Server(url)) as publisher, connected(Server(url)) as subscriber:
        await subscriber.send(Subscribe(id="s", channel=name, kinds=("captions",)))
        await subscriber.expect(Subscribed, "s")
        await publisher.send(Open(id="o", channel=name, budget_ms=400))
        await publisher.expect(Opened, "o")
        await asyncio.sleep(delay_s)
        listening = asyncio.create_task(_listen(subscriber, channel))
        await _send(publisher, channel)
        await asyncio.sleep(1.0)
        listening.cancel()


async def _send(publisher: Client, channel: Channel) -> None:
    channel.began = time.monotonic()
    step = int(PIECE_S * SAMPLE_RATE)
    for start in range(0, len(channel.programme.audio), step):
        due = channel.began + (start + step) / SAMPLE_RATE
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        await publisher.send_audio(channel.programme.audio[start : start + step].tobytes())


async def _listen(subscriber: Client, channel: Channel) -> None:
    while True:
        message = await subscriber.receive()
        if isinstance(message, Caption):
            channel.came.append((time.monotonic(), message))
