"""Opus in Ogg or WebM, as a browser records it, to 16 kHz mono, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator

import av
import av.error

from stream.adapters.media.resampling import Resampler, bytes_of
from stream.core.opus import OPUS_RATE, OpusPackets, Packet

SLICE_BYTES = 4_096
"""Of a piece, so that whoever iterates gets a turn within some milliseconds."""


class OpusDecoder:
    """A recording that arrives in pieces; libopus decodes packet by packet, nothing is read ahead.

    FFmpeg's demuxers are not asked: they read on until they are sure, and open what a hostile file
    names. A damaged packet becomes silence of its length, and is counted in `damaged`.
    """

    def __init__(self) -> None:
        self.damaged = 0
        self._packets = OpusPackets()
        self._resampler = Resampler(OPUS_RATE)
        self._codec = av.CodecContext.create("libopus", "r")
        self._codec.sample_rate = OPUS_RATE
        self._codec.layout = "mono"

    def decode(self, piece: bytes) -> Iterator[bytes]:
        """What `piece` completes, at most 120 ms at once, sometimes nothing. Raises Malformed."""
        for begin in range(0, len(piece), SLICE_BYTES):
            for packet in self._packets.feed(piece[begin : begin + SLICE_BYTES]):
                yield self._resampler.resample(self._decode(packet))
            yield b""

    def flush(self) -> bytes:
        return self._resampler.flush()

    def _decode(self, packet: Packet) -> bytes:
        try:
            frames = self._codec.decode(av.Packet(packet.data))
            pcm = b"".join(bytes_of(frame) for frame in frames)
        except av.error.FFmpegError:
            pcm = b""
        if len(pcm) != 2 * packet.samples:
            self.damaged += 1
            pcm = bytes(2 * packet.samples)
        return pcm[2 * packet.skip :]
