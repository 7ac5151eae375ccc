"""Ogg (RFC 3533) pages in pieces -> the packets of its Opus stream (RFC 7845)."""

from __future__ import annotations

from collections.abc import Iterator

from stream.core.errors import Malformed

CAPTURE = b"OggS"
HEADER_BYTES = 27
CONTINUED, BEGINS = 1, 2
PACKET_BYTES = 61_440
"""No Opus packet is longer; comments are cut there."""
NAMES = {
    b"\x01vorbis": "Vorbis",
    b"\x7fFLAC": "FLAC",
    b"\x80theora": "Theora",
    b"Speex   ": "Speex",
}


class OggPackets:
    """Fed bytes in any pieces, gives whole packets: OpusHead, OpusTags, then audio.

    Pages of other streams are passed over. Checksums are not: they are TCP's task here, and too
    slow for one interpreter that serves many. Raises Malformed for what is no Ogg.
    """

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._serial: bytes | None = None
        self._others: list[str] = []
        self._packet = bytearray()

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The packets that `piece` completes."""
        self._waiting += piece
        while (size := self._page_bytes()) is not None:
            page = bytes(self._waiting[:size])
            del self._waiting[:size]
            yield from self._read(page)

    def _page_bytes(self) -> int | None:
        """The first page's size; None while it is not here whole."""
        waiting = self._waiting
        found = bytes(waiting[: len(CAPTURE)])
        if not CAPTURE.startswith(found):
            raise Malformed("ogg page", f"begun by {found!r}", f"{CAPTURE!r}")
        if len(waiting) < HEADER_BYTES:
            return None
        body = HEADER_BYTES + waiting[26]
        if len(waiting) < body:
            return None
        size = body + sum(waiting[HEADER_BYTES:body])
        return size if len(waiting) >= size else None

    def _read(self, page: bytes) -> Iterator[bytes]:
        flags, serial, count = page[5], page[14:18], page[26]
        body = HEADER_BYTES + count
        if flags & BEGINS:
            self._meet(serial, page[body:])
        if self._serial is None and not flags & BEGINS:
            there = ", ".join(self._others)
            raise Malformed(
                "ogg", f"without Opus, with {there or 'nothing known'}", "an Opus stream"
            )
        if serial == self._serial:
            yield from self._packets(page[HEADER_BYTES:body], page[body:])

    def _meet(self, serial: bytes, body: bytes) -> None:
        """A stream begins; an Opus stream behind another one (a chain) takes its place."""
        if body.startswith(b"OpusHead"):
            self._serial = serial
            self._packet.clear()
        elif len(self._others) < 8:
            names = (name for mark, name in NAMES.items() if body.startswith(mark))
            self._others.append(next(names, "another codec"))

    def _packets(self, lacing: bytes, body: bytes) -> Iterator[bytes]:
        """A segment of 255 bytes goes on in the next one, also over a page's end.

        Empty packets are left out here: a page may have 255 of them in 282 bytes.
        """
        at = 0
        for size in lacing:
            if not size and not self._packet:
                continue
            room = PACKET_BYTES - len(self._packet)
            self._packet += body[at : at + min(size, room)]
            at += size
            if size < 255:
                packet = bytes(self._packet)
                self._packet.clear()
                yield packet
