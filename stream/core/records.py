"""What lies in the logs: records as the bus gives them, and what they mean.

A log is one topic's partition. `arrived` is Unix seconds on a clock that never steps (ports.Clock):
the moment the last sample or the whole text reached a gateway; deadline = arrived + budget.
Audio in the logs is 16 kHz mono signed 16 bit, whatever the publisher sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta, Struct

from stream.core.messages import Detected, Fact
from stream.core.policies import Filter, PolicyChange
from stream.core.requests import GATE_BUDGET_MS, BudgetMs, ChannelName, Id, Name, Text

SAMPLE_RATE = 16_000


class Topic(StrEnum):
    """The topics (design: Kafka); on Kafka each name is prefixed by `ontime.`."""

    AUDIO = "audio"
    POSTS = "posts"
    TEXTS = "texts"
    PARTIALS = "partials"
    CAPTIONS = "captions"
    TRANSLATIONS = "translations"
    VERDICTS = "verdicts"
    EVENTS = "events"
    POLICIES = "policies"
    DEAD_LETTERS = "dead-letters"


class Log(NamedTuple):
    """One topic's partition, or its in-process twin."""

    topic: Topic
    partition: int


class Position(NamedTuple):
    """A record's place."""

    log: Log
    offset: int


Headers = Mapping[str, bytes]


class Record(Struct, frozen=True, gc=False):
    """A record as the bus gives it; nothing in it is trusted before core/wire.py has read it."""

    log: Log
    offset: int
    key: str
    value: bytes
    headers: Headers
    timestamp: float


class Truncation(NamedTuple):
    """Retention took records [start, end) before they were read."""

    log: Log
    start: int
    end: int


class Batch(NamedTuple):
    """What one read gives: records in order per log, and what retention took before them."""

    records: tuple[Record, ...]
    truncated: tuple[Truncation, ...] = ()


class Origin(Struct, frozen=True, gc=False, kw_only=True):
    """Where a result comes from: who made it, from input that arrived when, with which budget.

    `to` names the gateway that waits for it ("" for nobody). `settled` is the sample at which the
    next owner of a channel goes on after this final (-1: not audio). `translate` names the
    languages that the publisher wants of it.
    """

    owner: str
    arrived: float
    budget_ms: int
    to: str = ""
    settled: int = -1
    translate: tuple[str, ...] = ()

    @property
    def deadline(self) -> float:
        return self.arrived + self.budget_ms / 1000


class AudioChunk(Struct, frozen=True, gc=False, kw_only=True):
    """Audio of a channel: samples `start` and following of `epoch`; `last` ends the epoch.

    `pcm` holds little-endian 16-bit samples (even length; empty only with `last`).
    """

    channel: str
    epoch: str
    start: int
    pcm: bytes
    arrived: float
    budget_ms: int
    language: str = "en"
    translate: tuple[str, ...] = ()
    last: bool = False


class PostJob(Struct, frozen=True, gc=False, kw_only=True):
    """A post that waits for its verdict; `id` is unique, `gateway` waits ("" for nobody).

    A producer may write it to the log itself; `id`, `channel` and `text` are enough. Without
    `arrived` it arrived when it was written.
    """

    id: Id
    channel: ChannelName
    text: Text
    author: Name = ""
    post: Name = ""
    gateway: Name = ""
    arrived: Annotated[float, Meta(ge=0)] = 0.0
    budget_ms: BudgetMs = GATE_BUDGET_MS


AUTO = "auto"
"""The source of a text whose language is to be recognised."""


class TextJob(Struct, frozen=True, gc=False, kw_only=True):
    """A text that waits for its translation, or a question about languages.

    `detection`: which language the text is in; `languages`: what can be translated at all.
    """

    id: str
    channel: str
    asks: Literal["translation", "detection", "languages"] = "translation"
    text: str = ""
    source: str = ""
    target: str = ""
    gateway: str = ""
    arrived: float
    budget_ms: int


Voice = Literal["captions", "translations"]


class Claim(Struct, frozen=True, gc=False, kw_only=True, tag_field="type", tag="claim"):
    """From here on, only `owner` speaks in this log with this voice (design: fence).

    Captions and their translations share the log of partials.
    """

    owner: str
    voice: Voice = "captions"


class Progress(Struct, frozen=True, gc=False, kw_only=True, tag_field="type", tag="progress"):
    """A channel's audio has been decoded up to `audio_end` seconds; `over` with its last sample."""

    channel: str
    epoch: str
    audio_end: float
    over: bool = False


class Failure(Struct, frozen=True, gc=False, kw_only=True, tag_field="type", tag="failure"):
    """The request `id` cannot be answered by this role: `code` and `message` of the error."""

    id: str
    code: str
    message: str


class Offer(Struct, frozen=True, gc=False, kw_only=True, tag_field="type", tag="offer"):
    """The answer to the question `id`: any of `sources` is translated into any of `targets`."""

    id: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]


class Detection(Struct, frozen=True, gc=False, kw_only=True, tag_field="type", tag="detection"):
    """The answer to the question `id`: languages that the text may be in, the likeliest first."""

    id: str
    candidates: tuple[Detected, ...]


class Settings(Struct, frozen=True, kw_only=True):
    """What moderators have set for a channel; a `filter` of None is the policy file's to say."""

    channel: str
    hotwords: tuple[str, ...] = ()
    glossary: dict[str, str] = {}
    filter: Filter | None = None
    policy: PolicyChange = PolicyChange()


Result = Fact | Claim | Progress | Failure | Offer | Detection
