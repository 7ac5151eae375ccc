"""Recordings in Opus, as browsers make them, and containers that hold something else."""

from __future__ import annotations

import io
from functools import cache

import av
import numpy as np

RATE = 48_000
FRAME = 960


@cache
def record(container: str, seconds: float = 1.0, layout: str = "mono", hz: int = 440) -> bytes:
    """A tone in Opus; `container` is `ogg` or `webm`."""
    channels = 1 if layout == "mono" else 2
    times = np.arange(int(seconds * RATE)) / RATE
    wave = (np.sin(2 * np.pi * hz * times) * 8000).astype(np.int16)
    made = io.BytesIO()
    options = {"live": "1"} if container == "webm" else {}
    with av.open(made, "w", format=container, options=options) as out:
        stream = out.add_stream("libopus", rate=RATE, layout=layout)
        for at in range(0, len(wave), FRAME):
            samples = np.repeat(wave[at : at + FRAME], channels).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout=layout)
            frame.sample_rate, frame.pts = RATE, at
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return made.getvalue()


@cache
def film(container: str, codec: str) -> bytes:
    """Some pictures, and no sound."""
    made = io.BytesIO()
    with av.open(made, "w", format=container) as out:
        stream = out.add_stream(codec, rate=10)
        assert isinstance(stream, av.VideoStream)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for _ in range(3):
            picture = np.zeros((32, 32, 3), np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))
    return made.getvalue()


def page(packets: list[bytes], *, flags: int = 0, serial: bytes = b"mine") -> bytes:
    """An Ogg page; its checksum is nobody's concern here."""
    lacing = b"".join(b"\xff" * (len(data) // 255) + bytes([len(data) % 255]) for data in packets)
    head = b"OggS\0" + bytes([flags]) + bytes(8) + serial + bytes(8) + bytes([len(lacing)])
    return head + lacing + b"".join(packets)


def head(channels: int = 1, skip: int = 0, family: int = 0) -> bytes:
    about = bytes([1, channels]) + skip.to_bytes(2, "little") + RATE.to_bytes(4, "little")
    return b"OpusHead" + about + bytes(2) + bytes([family])


def element(identifier: int, body: bytes) -> bytes:
    """An EBML element with its size in eight bytes."""
    name = identifier.to_bytes((identifier.bit_length() + 7) // 8)
    return name + (len(body) | 1 << 56).to_bytes(8) + body
