"""Opus (RFC 6716) as browsers record it: in Ogg or WebM, arriving in pieces."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from stream.core import ogg, webm
from stream.core.errors import Malformed

OPUS_RATE = 48_000
LONGEST_SAMPLES = 5_760
"""A packet holds at most 120 ms."""
HEADERS_BYTES = 262_144
"""Audio begins within so many bytes."""
MAGIC_BYTES = 12
_FRAME_SAMPLES = (
    *(480, 960, 1_920, 2_880) * 3,  # SILK
    *(480, 960) * 2,  # hybrid
    *(120, 240, 480, 960) * 4,  # CELT
)
_OTHERS = (
    (0, b"RIFF", "RIFF (WAV)"),
    (0, b"fLaC", "FLAC"),
    (0, b"ID3", "MP3"),
    (4, b"ftyp", "MP4"),
    (0, b"G", "MPEG-TS"),
)


class Packet(NamedTuple):
    """What a decoder takes; `samples` at 48 kHz, `skip` of them lie before the recording."""

    data: bytes
    samples: int
    skip: int


class OpusPackets:
    """Fed a recording in any pieces, gives its Opus packets.

    Raises Malformed, once and for all, for what is no Ogg or WebM, holds no Opus, or is broken. The
    container is found by its first bytes, never guessed by trying.
    """

    def __init__(self) -> None:
        self._begun = b""
        self._container: ogg.OggPackets | webm.WebmPackets | None = None
        self._fed = 0
        self._skip: int | None = None

    def feed(self, piece: bytes) -> Iterator[Packet]:
        """The packets that `piece` completes; all of them must be taken."""
        container = self._container or self._find(piece)
        if container is None:
            return
        piece, self._begun = self._begun + piece, b""
        self._fed += len(piece)
        for packet in container.feed(piece):
            if packet.startswith(b"OpusHead"):
                self._skip = read_head(packet)
            elif not packet.startswith(b"OpusTags"):
                yield from self._audio(packet)
        if self._skip is None and self._fed > HEADERS_BYTES:
            raise Malformed("audio", f"{self._fed} bytes without an OpusHead", "a recording")

    def _find(self, piece: bytes) -> ogg.OggPackets | webm.WebmPackets | None:
        begun = self._begun + piece
        if begun.startswith(ogg.CAPTURE):
            self._container = ogg.OggPackets()
        elif begun.startswith(webm.MAGIC):
            self._container = webm.WebmPackets()
        elif len(begun) >= MAGIC_BYTES:
            raise Malformed("audio", _name(begun), "Opus in Ogg or WebM")
        else:
            self._begun = begun
        return self._container

    def _audio(self, data: bytes) -> Iterator[Packet]:
        if self._skip is None:
            raise Malformed("audio", "without an OpusHead", "one before the first packet")
        samples = samples_of(data)
        if not samples:
            return
        skip = min(self._skip, samples)
        self._skip -= skip
        yield Packet(data, samples, skip)


def read_head(head: bytes) -> int:
    """The samples at 48 kHz to skip, as an OpusHead says (RFC 7845, 5.1). Raises Malformed."""
    if len(head) < 19 or head[8] & 0xF0:
        raise Malformed("OpusHead", f"{len(head)} bytes", "19 bytes of version 0 or 1")
    if head[18]:
        raise Malformed("OpusHead", f"of mapping family {head[18]}", "mono or stereo (family 0)")
    return int.from_bytes(head[10:12], "little")


def samples_of(data: bytes) -> int:
    """How long a packet is at 48 kHz, by its first bytes (RFC 6716, 3.1); 0 where it is damaged."""
    if not data:
        return 0
    frame = _FRAME_SAMPLES[data[0] >> 3]
    match data[0] & 3:
        case 0:
            count = 1
        case 3:
            count = data[1] & 0x3F if len(data) > 1 else 0
        case _:
            count = 2
    samples = count * frame
    return samples if samples <= LONGEST_SAMPLES else 0


def _name(begun: bytes) -> str:
    for at, mark, name in _OTHERS:
        if begun[at:].startswith(mark):
            return name
    return f"begun by {begun[:4].hex(' ')}"
