"""What crosses the pipe between a worker and its engine: MessagePack behind a length.

A frame is four bytes (big-endian, the payload's length) and the payload. Both ends are ours, and a
child that has gone astray is still not believed: sizes are bounded and every field is typed.
"""

from __future__ import annotations

import struct
from typing import TypeVar

import msgspec
from msgspec import Struct

from stream.core.errors import EngineError, EngineLost
from stream.core.messages import Rung
from workers.ports import Answer, Card, Question

HEADER_BYTES = 4
FRAME_LIMIT_BYTES = 64 * 1024 * 1024
_LENGTH = struct.Struct("!I")


class Run(Struct, frozen=True, tag="run"):
    """Answer these, together; `id` comes back with the answers."""

    id: int
    rung: Rung
    questions: tuple[Question, ...]


class Forget(Struct, frozen=True, tag="forget"):
    """Drop a stream's state; has no reply."""

    stream: str


class Hurry(Struct, frozen=True, tag="hurry"):
    """Break off the run `id`, if it is under way: its answers are wanted now. Has no reply."""

    id: int


class Ready(Struct, frozen=True, tag="ready"):
    """The engine is made and warm; the first frame of a good child."""

    card: Card


class Unfit(Struct, frozen=True, tag="unfit"):
    """The engine cannot be made; the last frame of a child. `missing`: trying again is vain."""

    message: str
    missing: bool


class Answers(Struct, frozen=True, tag="answers"):
    """To a run: one answer a question, in order."""

    id: int
    answers: tuple[Answer, ...]


class Failed(Struct, frozen=True, tag="failed"):
    """To a run: the engine raised, and lives."""

    id: int
    message: str


T = TypeVar("T")
Request = Run | Forget | Hurry
Reply = Ready | Unfit | Answers | Failed

_encoder = msgspec.msgpack.Encoder()
_requests: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
_replies: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)


def encode_frame(message: Request | Reply) -> bytearray:
    """Raises EngineError when the frame would be over its limit."""
    frame = bytearray(HEADER_BYTES)
    _encoder.encode_into(message, frame, HEADER_BYTES)
    length = len(frame) - HEADER_BYTES
    if length > FRAME_LIMIT_BYTES:
        raise EngineError(f"frame has {length} bytes, expected at most {FRAME_LIMIT_BYTES}")
    _LENGTH.pack_into(frame, 0, length)
    return frame


def decode_length(header: bytes) -> int:
    """Bytes of the payload that follows. Raises EngineLost when it is over the limit."""
    (length,) = _LENGTH.unpack(header)
    if length > FRAME_LIMIT_BYTES:
        raise EngineLost(f"frame of {length} bytes, expected at most {FRAME_LIMIT_BYTES}")
    return int(length)


def decode_request(payload: bytes) -> Request:
    return _decode(_requests, payload)


def decode_reply(payload: bytes) -> Reply:
    return _decode(_replies, payload)


def _decode(decoder: msgspec.msgpack.Decoder[T], payload: bytes) -> T:
    try:
        return decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise EngineLost(f"frame cannot be read: {type(error).__name__}") from error
