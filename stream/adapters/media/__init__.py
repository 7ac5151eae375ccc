"""Recordings, streams and what publishers send, to 16 kHz mono s16le, by PyAV (FFmpeg)."""

from __future__ import annotations

from stream.adapters.media.opus import OpusDecoder
from stream.adapters.media.reading import Reading
from stream.adapters.media.recording import Recording
from stream.adapters.media.resampling import PcmDecoder, Resampler

__all__ = ["OpusDecoder", "PcmDecoder", "Reading", "Recording", "Resampler", "make_decoder"]


def make_decoder(encoding: str, sample_rate: int) -> PcmDecoder | OpusDecoder:
    """What turns a publisher's binary frames into samples; Opus brings its own rate."""
    return OpusDecoder() if encoding == "opus" else PcmDecoder(sample_rate)
