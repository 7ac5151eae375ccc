"""Bytes <-> messages; the only module that knows the layout.

JSON is read into its type at once by msgspec; what does not fit is read again by orjson, which is
sixteen times slower, to say why. Record headers are ASCII. What comes from outside raises
`Malformed`, which names the field, what was found and what was expected.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any, NamedTuple, TypeVar

import msgspec
import orjson
from msgspec.json import Decoder
from msgspec.structs import replace

from stream.core.errors import Malformed, TooBig, Unreadable
from stream.core.faults import explain, shorten
from stream.core.messages import Message, ServerMessage
from stream.core.policies import Book
from stream.core.records import (
    AudioChunk,
    Headers,
    Origin,
    PostJob,
    Record,
    Result,
    Settings,
    TextJob,
)
from stream.core.requests import ClientMessage

TEXT_LIMIT_BYTES = 64 * 1024
BINARY_LIMIT_BYTES = 256 * 1024
BOOK = "*"
"""The key of the policy file's rules in the `policies` log: no channel is called so."""
_SHOWN = 80

T = TypeVar("T")
N = TypeVar("N", int, float)


class Payload(NamedTuple):
    """A record's value and headers, ready for the bus."""

    value: bytes
    headers: dict[str, bytes]


def encode_message(message: Message) -> bytes:
    """A message to a client as one JSON object."""
    return orjson.dumps(msgspec.to_builtins(message))


def decode_message(data: bytes | str) -> ServerMessage:
    """What `encode_message` wrote. Raises Malformed."""
    return _decode(_SERVER_MESSAGES, data)


def encode_request(request: ClientMessage) -> bytes:
    """A client's message as one JSON object."""
    return orjson.dumps(msgspec.to_builtins(request))


def decode_request(data: bytes | str) -> ClientMessage:
    """A client's message. Raises TooBig, Unreadable (not JSON, not an object) or Malformed."""
    size = len(data) if isinstance(data, bytes) else len(data.encode("utf-8", "surrogatepass"))
    if size > TEXT_LIMIT_BYTES:
        raise TooBig("frame", f"{size} bytes", f"at most {TEXT_LIMIT_BYTES}")
    try:
        return _decode(_CLIENT_MESSAGES, data)
    except Malformed:
        found = _load(data)
        if not isinstance(found, dict):
            raise Unreadable("frame", f"JSON {_kind(found)}", "a JSON object with a type") from None
        raise


def request_id(data: bytes | str) -> str | None:
    """The `id` of a message that could not be decoded, for its `error`; None where it has none."""
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    given = found.get("id") if isinstance(found, dict) else None
    return given[:128] if isinstance(given, str) else None


def encode_result(result: Result, origin: Origin) -> Payload:
    """A worker's or gateway's result for a result log."""
    headers = {
        "owner": origin.owner.encode(),
        "arrived": repr(origin.arrived).encode(),
        "budget_ms": b"%d" % origin.budget_ms,
    }
    if origin.to:
        headers["to"] = origin.to.encode()
    if origin.settled >= 0:
        headers["settled"] = b"%d" % origin.settled
    if origin.translate:
        headers["translate"] = ",".join(origin.translate).encode()
    return Payload(orjson.dumps(msgspec.to_builtins(result)), headers)


def decode_result(record: Record) -> tuple[Result, Origin]:
    """What `encode_result` wrote. Raises Malformed."""
    headers = record.headers
    origin = Origin(
        owner=_header(headers, "owner"),
        arrived=_number(headers, "arrived", float, 0.0),
        budget_ms=_number(headers, "budget_ms", int, 0),
        to=_header(headers, "to", ""),
        settled=_number(headers, "settled", int, -1, "-1"),
        translate=_languages(headers),
    )
    return _decode(_RESULTS, record.value), origin


def encode_audio(chunk: AudioChunk) -> Payload:
    """Audio for the audio log: samples as the value, the rest as headers."""
    headers = {
        "epoch": chunk.epoch.encode(),
        "start": b"%d" % chunk.start,
        "arrived": repr(chunk.arrived).encode(),
        "budget_ms": b"%d" % chunk.budget_ms,
        "language": chunk.language.encode(),
        "translate": ",".join(chunk.translate).encode(),
        "last": b"%d" % chunk.last,
    }
    return Payload(chunk.pcm, headers)


def decode_audio(record: Record) -> AudioChunk:
    """What `encode_audio` wrote. Raises Malformed."""
    headers = record.headers
    last = _header(headers, "last", "0") == "1"
    if len(record.value) % 2 or not (record.value or last):
        raise Malformed("chunk", f"{len(record.value)} bytes", "an even number above 0")
    return AudioChunk(
        channel=record.key,
        epoch=_header(headers, "epoch"),
        start=_number(headers, "start", int, 0),
        pcm=record.value,
        arrived=_number(headers, "arrived", float, 0.0),
        budget_ms=_number(headers, "budget_ms", int, 0),
        language=_header(headers, "language", "en"),
        translate=_languages(headers),
        last=last,
    )


def encode_job(job: PostJob | TextJob) -> Payload:
    """A text for the `posts` or `texts` log."""
    return Payload(orjson.dumps(msgspec.to_builtins(job)), {})


def decode_post(record: Record) -> PostJob:
    """What `encode_job`, or a producer of posts, wrote. Raises Malformed."""
    job = _decode(_POSTS, record.value)
    return job if job.arrived else replace(job, arrived=record.timestamp)


def decode_text(record: Record) -> TextJob:
    """What `encode_job` wrote of a text. Raises Malformed."""
    return _decode(_TEXTS, record.value)


def encode_settings(settings: Settings) -> Payload:
    """A channel's settings for the `policies` log."""
    return Payload(orjson.dumps(msgspec.to_builtins(settings)), {})


def encode_book(book: Book) -> Payload:
    """The policy file's rules for the `policies` log, where their key is BOOK."""
    return Payload(orjson.dumps(msgspec.to_builtins(book)), {})


def decode_settings(record: Record) -> Settings | Book:
    """What `encode_settings` or `encode_book` wrote. Raises Malformed."""
    if record.key == BOOK:
        return _decode(_BOOK, record.value)
    return _decode(_SETTINGS, record.value)


def dead_letter(record: Record, error: Exception, attempts: int) -> Payload:
    """The record as it came, with headers that say where from, why and after how many attempts."""
    headers = dict(record.headers)
    headers["from"] = f"{record.log.topic}/{record.log.partition}/{record.offset}".encode()
    headers["error"] = f"{type(error).__name__}: {error}".encode()[:500]
    headers["attempts"] = b"%d" % attempts
    return Payload(record.value, headers)


def _load(data: bytes | str) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        shown = data[:_SHOWN] if isinstance(data, str) else data[:_SHOWN].decode("utf-8", "replace")
        raise Unreadable("frame", shorten(shown), "JSON") from error


def _decode(decoder: Decoder[T], data: bytes | str) -> T:
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        found: T = _convert(_load(data), decoder.type)
        return found


def _convert(found: Any, expected: Any) -> Any:
    try:
        return msgspec.convert(found, expected)
    except msgspec.ValidationError as error:
        raise explain(found, expected, str(error)) from error


_SERVER_MESSAGES: Decoder[ServerMessage] = Decoder(ServerMessage)
_CLIENT_MESSAGES: Decoder[ClientMessage] = Decoder(ClientMessage)
_RESULTS: Decoder[Result] = Decoder(Result)
_POSTS: Decoder[PostJob] = Decoder(PostJob)
_TEXTS: Decoder[TextJob] = Decoder(TextJob)
_SETTINGS: Decoder[Settings] = Decoder(Settings)
_BOOK: Decoder[Book] = Decoder(Book)


def _kind(value: Any) -> str:
    names = {list: "array", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")


def _header(headers: Headers, name: str, default: str | None = None) -> str:
    value = headers.get(name)
    if value is None:
        if default is None:
            raise Malformed(f"header {name}", "missing", "a value")
        return default
    return value.decode("ascii", "replace")


def _languages(headers: Headers) -> tuple[str, ...]:
    languages = _header(headers, "translate", "")
    return tuple(languages.split(",")) if languages else ()


def _number(
    headers: Headers, name: str, kind: Callable[[str], N], least: N, default: str | None = None
) -> N:
    value = _header(headers, name, default)
    try:
        number = kind(value)
    except ValueError:
        number = None
    if number is None or not isfinite(number) or number < least:
        raise Malformed(f"header {name}", shorten(value), f"a number of at least {least:g}")
    return number
