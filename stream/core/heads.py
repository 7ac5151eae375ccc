"""The head of an HTTP/1.1 request as most clients send it, and nothing else (RFC 9112).

What is said in any other way (chunked, upgraded, continued, folded, doubled) is `Unusual`, and for
a whole library to judge: here it is read only what admits of one reading.
"""

from __future__ import annotations

import re
from typing import NamedTuple

HEAD_BYTES = 16 * 1024
"""A longer head is unusual."""

_FIELDS = re.compile(rb"(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[^\x00-\x08\x0a-\x1f\x7f]*\r\n)*")
_PLAIN = frozenset({b"authorization", b"connection", b"content-length", b"host"})
_CONNECTIONS = frozenset({b"close", b"keep-alive"})
_STRANGE = frozenset({b"expect", b"transfer-encoding", b"upgrade"})
_LENGTH = re.compile(rb"[0-9]{1,9}")


class Unusual(Exception):
    """A head that is not for here."""


class Head(NamedTuple):
    """Of a request with a body: `size` bytes of head, blank line included, and `length` of body.

    `authorization` is that field's value ("": none came); `closes`: no request follows.
    """

    size: int
    length: int
    authorization: str
    closes: bool = False


def read_head(data: bytes | bytearray, line: bytes) -> Head | None:
    """The head with which `data` begins, if its request line is `line`; None while it is not
    complete. Raises Unusual.
    """
    start = line + b"\r\n"
    if not data.startswith(start):
        if len(data) < len(start) and start.startswith(data):
            return None
        raise Unusual
    end = data.find(b"\r\n\r\n", len(line), HEAD_BYTES)
    if end < 0:
        if len(data) >= HEAD_BYTES:
            raise Unusual
        return None
    return _read(bytes(data[len(line) : end + 2]), end + 4)


def _read(fields: bytes, size: int) -> Head:
    """`fields`: from the end of the request line to the end of the last field's line."""
    if _FIELDS.fullmatch(fields, 2) is None:
        raise Unusual
    told: dict[bytes, bytes] = {}
    for field in fields[2:-2].split(b"\r\n"):
        name, _, value = field.partition(b":")
        name = name.lower()
        if name in _STRANGE or name in told:
            raise Unusual
        if name in _PLAIN:
            told[name] = value.strip(b" \t")
    connection = told.get(b"connection", b"keep-alive").lower()
    length = told.get(b"content-length", b"")
    if connection not in _CONNECTIONS or not told.get(b"host") or not _LENGTH.fullmatch(length):
        raise Unusual
    authorization = told.get(b"authorization", b"").decode("latin-1")
    return Head(size, int(length), authorization, connection == b"close")
