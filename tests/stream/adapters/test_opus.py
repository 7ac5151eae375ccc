"""Opus from browsers: the same samples however it is cut; what is broken keeps its time."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.adapters.media import OpusDecoder
from stream.core.errors import Malformed
from tests.support.opus import film, head, page, record


def decode(recording: bytes, borders: Iterable[int] = ()) -> bytes:
    decoder = OpusDecoder()
    cut = sorted({0, *(border for border in borders if border < len(recording)), len(recording)})
    pieces = [recording[begin:end] for begin, end in pairwise(cut)]
    return b"".join(pcm for piece in pieces for pcm in decoder.decode(piece)) + decoder.flush()


def pitch(pcm: bytes) -> float:
    samples = np.frombuffer(pcm, "<i2").astype(float)
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * 16_000 / len(samples))


@pytest.mark.parametrize("layout", ["mono", "stereo"])
@pytest.mark.parametrize("container", ["ogg", "webm"])
def test_a_recording_becomes_16_khz_mono(container: str, layout: str) -> None:
    pcm = decode(record(container, layout=layout))
    assert len(pcm) // 2 == pytest.approx(16_000, abs=400)
    assert pitch(pcm) == pytest.approx(440, abs=2)


@settings(deadline=None, max_examples=20)
@given(st.sampled_from(["ogg", "webm"]), st.lists(st.integers(0, 6_000), max_size=30))
def test_any_cutting_gives_the_same_samples(container: str, borders: list[int]) -> None:
    recording = record(container)
    assert decode(recording, borders) == decode(recording)


def test_audio_comes_out_as_soon_as_it_is_in() -> None:
    decoder, recording = OpusDecoder(), record("webm", 2.0)
    half = len(recording) // 2
    pcm = b"".join(decoder.decode(recording[:half]))
    assert len(pcm) / 32_000 == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize("container", ["ogg", "webm"])
def test_a_truncated_recording_gives_what_is_there(container: str) -> None:
    recording = record(container, 4.0)  # a page of Ogg holds a second
    pcm = decode(recording[: len(recording) // 2])
    assert decode(recording).startswith(pcm[:30_000])
    assert len(pcm) / 32_000 == pytest.approx(2.0, abs=1.1)


@pytest.mark.parametrize(
    ("recording", "told"),
    [
        (film("webm", "libvpx"), "tracks V_VP8"),
        (film("mp4", "mpeg4"), "audio is MP4"),
        (film("mpegts", "mpeg4"), "audio is MPEG-TS"),
    ],
)
def test_a_film_is_refused_by_what_it_is(recording: bytes, told: str) -> None:
    with pytest.raises(Malformed, match=told):
        decode(recording)


def test_a_damaged_packet_is_silence_of_its_length() -> None:
    decoder = OpusDecoder()
    damaged = b"\x7b\xc2\xff"  # two frames of 20 ms, padded by more than there is
    recording = page([head()], flags=2) + page([damaged] * 50)
    pcm = b"".join(decoder.decode(recording)) + decoder.flush()
    assert decoder.damaged == 50
    assert len(pcm) // 2 == pytest.approx(32_000, abs=40)
    assert not any(pcm)
