"""Samples of any rate and layout to 16 kHz mono, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator

import av
import av.audio.resampler

from stream.core.records import SAMPLE_RATE


class Resampler:
    """Mono s16le of any rate to 16 kHz, piece by piece; 16 kHz passes untouched."""

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._at = 0
        self._inner = to_speech()

    def resample(self, pcm: bytes) -> bytes:
        """An even number of bytes in; what is ready comes out, some milliseconds behind."""
        if self._rate == SAMPLE_RATE or not pcm:
            return pcm
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(pcm) // 2)
        frame.planes[0].update(pcm)
        frame.sample_rate = self._rate
        frame.pts = self._at
        self._at += frame.samples
        return b"".join(bytes_of(out) for out in self._inner.resample(frame))

    def flush(self) -> bytes:
        """What is still inside; nothing may follow."""
        if self._rate == SAMPLE_RATE or not self._at:
            return b""
        return b"".join(bytes_of(out) for out in self._inner.resample(None))


class PcmDecoder:
    """A publisher's PCM (mono s16le) to 16 kHz."""

    def __init__(self, sample_rate: int) -> None:
        self._inner = Resampler(sample_rate)

    def decode(self, piece: bytes) -> Iterator[bytes]:
        yield self._inner.resample(piece)

    def flush(self) -> bytes:
        return self._inner.flush()


def to_speech() -> av.audio.resampler.AudioResampler:
    return av.audio.resampler.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)


def bytes_of(frame: av.AudioFrame) -> bytes:
    return bytes(frame.planes[0])[: frame.samples * 2]
