"""Where a subscriber stands in a channel's logs: opaque to it, the same on every gateway."""

from __future__ import annotations

import binascii
import struct
from base64 import b64decode, urlsafe_b64encode
from hashlib import blake2b
from typing import NamedTuple

from stream.core.errors import Malformed
from stream.core.records import Topic

ORDERED = (Topic.CAPTIONS, Topic.TRANSLATIONS, Topic.EVENTS)
"""The topics whose records a subscriber must not lose, in the order of `Offsets`."""

_LAYOUT = struct.Struct("!B6sI3Q")
_VERSION = 1
_SHOWN = 40


class Offsets(NamedTuple):
    """The next offset of each ordered log of one partition: all before it has been seen."""

    captions: int = 0
    translations: int = 0
    events: int = 0

    def merge(self, other: Offsets) -> Offsets:
        """The later of both in each log."""
        return Offsets(*map(max, self, other))

    def covers(self, other: Offsets) -> bool:
        """True where no log stands earlier than in `other`."""
        return self[0] >= other[0] and self[1] >= other[1] and self[2] >= other[2]


class Cursor(NamedTuple):
    """`identity` is the bus's, shortened: offsets of another bus mean nothing here."""

    identity: bytes
    partition: int
    offsets: Offsets


def shorten_identity(identity: str) -> bytes:
    """Six bytes that stand for a bus."""
    return blake2b(identity.encode(), digest_size=6).digest()


def encode_cursor(cursor: Cursor) -> str:
    """47 characters of base64url."""
    packed = _LAYOUT.pack(_VERSION, cursor.identity, cursor.partition, *cursor.offsets)
    return urlsafe_b64encode(packed).rstrip(b"=").decode()


def decode_cursor(text: str) -> Cursor:
    """What `encode_cursor` wrote. Raises Malformed.

    A cursor is not signed: a forged one only moves where its own subscription starts.
    """
    try:
        packed = b64decode(text.encode() + b"=" * (-len(text) % 4), b"-_", validate=True)
        version, identity, partition, *offsets = _LAYOUT.unpack(packed)
    except (binascii.Error, struct.error, UnicodeEncodeError) as error:
        raise _malformed(text) from error
    if version != _VERSION:
        raise _malformed(text)
    return Cursor(identity, partition, Offsets(*offsets))


def _malformed(text: str) -> Malformed:
    return Malformed("since", ascii(text[:_SHOWN]), "a cursor that this service gave")
