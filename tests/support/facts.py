"""Facts and records as short as a test needs them."""

from __future__ import annotations

from stream.core import wire
from stream.core.messages import (
    Action,
    Caption,
    Decision,
    Post,
    Retract,
    Review,
    Rung,
    Translation,
)
from stream.core.records import Headers, Log, Origin, Record, Result, Topic

CHANNEL = "news"


def caption(
    segment: str = "e-0", revision: int = 1, text: str = "hi", *, final: bool = False
) -> Caption:
    return Caption(
        channel=CHANNEL,
        segment=segment,
        revision=revision,
        text=text,
        stable=0,
        final=final,
        start=0.0,
        end=1.0,
        audio_end=1.0,
        budget_ms=200,
    )


def translation(
    segment: str = "e-0", revision: int = 1, language: str = "de", *, final: bool = False
) -> Translation:
    return Translation(
        channel=CHANNEL,
        segment=segment,
        source_segment=segment,
        revision=revision,
        text="hallo",
        final=final,
        language=language,
        rung=Rung.DRAFT,
        budget_ms=300,
    )


def post(name: str = "p", text: str = "hello") -> Post:
    return Post(channel=CHANNEL, post=name, author="ann", text=text)


def review(name: str = "p") -> Review:
    return Review(channel=CHANNEL, post=name, author="ann", text="hello")


def decision(name: str = "p", action: Action = Action.ALLOW) -> Decision:
    return Decision(channel=CHANNEL, post=name, action=action, by="mod")


def retract(segment: str = "e-0") -> Retract:
    return Retract(channel=CHANNEL, segment=segment, reason="withdrawn")


def origin(owner: str = "w", *, arrived: float = 0.0, to: str = "") -> Origin:
    return Origin(owner=owner, arrived=arrived, budget_ms=200, to=to)


def record(
    result: Result,
    log: Log,
    offset: int,
    said_by: Origin | None = None,
    *,
    timestamp: float = 0.0,
    key: str = CHANNEL,
) -> Record:
    value, headers = wire.encode_result(result, said_by or origin())
    return raw_record(value, headers, log, offset, timestamp=timestamp, key=key)


def raw_record(
    value: bytes,
    headers: Headers,
    log: Log,
    offset: int,
    *,
    timestamp: float = 0.0,
    key: str = CHANNEL,
) -> Record:
    return Record(log, offset, key, value, headers, timestamp)


def topic_of(result: Result) -> Topic:
    """Where a worker or gateway writes it."""
    match result:
        case Caption(final=final):
            return Topic.CAPTIONS if final else Topic.PARTIALS
        case Translation(final=final):
            return Topic.TRANSLATIONS if final else Topic.PARTIALS
        case _:
            return Topic.EVENTS
