"""WebM (Matroska, RFC 9559, in EBML, RFC 8794) in pieces -> the packets of its Opus track."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

from stream.core.errors import Malformed

MAGIC = b"\x1a\x45\xdf\xa3"
LEAF_BYTES = 65_536
"""A longer element than this is none that is needed here."""
TRACKS = 16
UNKNOWN = -1


class Element(IntEnum):
    """What is entered or read; all else is passed over."""

    SEGMENT = 0x18538067
    CLUSTER = 0x1F43B675
    TRACKS = 0x1654AE6B
    TRACK = 0xAE
    BLOCK_GROUP = 0xA0
    TRACK_NUMBER = 0xD7
    CODEC = 0x86
    CODEC_PRIVATE = 0x63A2
    SIMPLE_BLOCK = 0xA3
    BLOCK = 0xA1


ENTERED = frozenset(
    (Element.SEGMENT, Element.CLUSTER, Element.TRACKS, Element.TRACK, Element.BLOCK_GROUP)
)
READ = frozenset(
    (
        Element.TRACK_NUMBER,
        Element.CODEC,
        Element.CODEC_PRIVATE,
        Element.SIMPLE_BLOCK,
        Element.BLOCK,
    )
)


class Track(NamedTuple):
    """`private` of an Opus track is its OpusHead."""

    number: int = 0
    codec: str = ""
    private: bytes = b""


class _Header(NamedTuple):
    element: int
    size: int
    length: int


class WebmPackets:
    """Fed bytes in any pieces, gives whole packets: OpusHead, then audio; the first Opus track's.

    Elements are entered, not matched with their ends: a browser writes segments and clusters
    of unknown size. Raises Malformed for what is no WebM, or has no Opus.
    """

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._skip = 0
        self._tracks: list[Track] = []
        self._chosen: int | None = None

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The packets that `piece` completes."""
        self._waiting += piece
        while (header := self._next()) is not None:
            element, size, length = header
            if element in READ:
                if len(self._waiting) < length + size:
                    return
                body = bytes(self._waiting[length : length + size])
                del self._waiting[: length + size]
                yield from self._read(element, body)
            else:
                del self._waiting[:length]
                yield from self._enter(element, size)

    def _next(self) -> _Header | None:
        """The next element's header; None while it is not here whole."""
        drop = min(self._skip, len(self._waiting))
        del self._waiting[:drop]
        self._skip -= drop
        if self._skip or not self._waiting:
            return None
        return _header(self._waiting)

    def _enter(self, element: int, size: int) -> Iterator[bytes]:
        if element == Element.TRACK and len(self._tracks) < TRACKS:
            self._tracks.append(Track())
        if element == Element.CLUSTER and self._chosen is None:
            yield self._choose()
        if element not in ENTERED:
            if size == UNKNOWN:
                raise Malformed("webm element", f"{element:#x} of unknown size", "a size")
            self._skip = size

    def _choose(self) -> bytes:
        """The first Opus track's OpusHead."""
        for track in self._tracks:
            if track.codec == "A_OPUS":
                self._chosen = track.number
                return track.private
        found = ", ".join(track.codec or "no codec" for track in self._tracks)
        raise Malformed("webm", f"with tracks {found or 'none'}", "a track A_OPUS")

    def _read(self, element: int, body: bytes) -> Iterator[bytes]:
        if element in {Element.BLOCK, Element.SIMPLE_BLOCK}:
            yield from self._block(body)
        elif self._tracks and self._chosen is None:
            self._tracks[-1] = _with(self._tracks[-1], element, body)

    def _block(self, body: bytes) -> Iterator[bytes]:
        """Track number, two bytes of time, flags; lacing is what no browser does to audio."""
        number, length = _number(body, 0, 8) or (0, 0)
        if number != self._chosen or len(body) < length + 3:
            return
        if body[length + 2] & 0x06:
            raise Malformed("webm block", "laced", "one packet")
        yield body[length + 3 :]


def _with(track: Track, element: int, body: bytes) -> Track:
    match element:
        case Element.TRACK_NUMBER:
            return track._replace(number=int.from_bytes(body[:8]))
        case Element.CODEC:
            printable = body[:32].rstrip(b"\0").decode("ascii", "replace")
            return track._replace(codec=ascii(printable)[1:-1])
        case _:
            return track._replace(private=body)


def _header(waiting: bytearray) -> _Header | None:
    """Raises Malformed for an identifier or size that EBML does not know."""
    identifier = _number(waiting, 0, 4, keep_mark=True)
    if identifier is None:
        return None
    found = _number(waiting, identifier[1], 8)
    if found is None:
        return None
    size, length = found[0], identifier[1] + found[1]
    if identifier[0] in READ and not 0 <= size <= LEAF_BYTES:
        told = "unknown" if size == UNKNOWN else f"{size} bytes"
        raise Malformed("webm element", f"{identifier[0]:#x} of {told}", f"at most {LEAF_BYTES}")
    return _Header(identifier[0], size, length)


def _number(
    waiting: bytes | bytearray, at: int, longest: int, *, keep_mark: bool = False
) -> tuple[int, int] | None:
    """A number of variable size at `at`, and its length; UNKNOWN where all its bits are set."""
    if at >= len(waiting):
        return None
    length = 9 - waiting[at].bit_length()
    if length > longest:
        raise Malformed("webm", f"{waiting[at]:#04x} where a number begins", "EBML")
    if len(waiting) < at + length:
        return None
    value = int.from_bytes(waiting[at : at + length])
    if keep_mark:
        return value, length
    ones = (1 << 7 * length) - 1
    return (UNKNOWN if value & ones == ones else value & ones), length
