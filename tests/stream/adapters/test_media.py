"""Whatever FFmpeg opens becomes 16 kHz mono; what it can't open is told."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.adapters.media import Recording, Resampler
from stream.core.errors import Unplayable


def tone(rate: int, seconds: float, channels: int = 1) -> np.ndarray:
    times = np.arange(int(rate * seconds)) / rate
    wave = (np.sin(2 * np.pi * 440 * times) * 8000).astype(np.int16)
    return np.repeat(wave[:, None], channels, axis=1)


def write(path: Path, rate: int, samples: np.ndarray) -> None:
    layout = "mono" if samples.shape[1] == 1 else "stereo"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout=layout)
        frame.sample_rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def pitch(pcm: bytes) -> float:
    samples = np.frombuffer(pcm, "<i2").astype(float)
    spectrum = np.abs(np.fft.rfft(samples))
    return float(np.argmax(spectrum) * 16_000 / len(samples))


@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (16_000, 1), (44_100, 2), (48_000, 2)])
def test_any_rate_and_layout_becomes_16_khz_mono(tmp_path: Path, rate: int, channels: int) -> None:
    path = tmp_path / "tone.wav"
    write(path, rate, tone(rate, 1.0, channels))
    with Recording(str(path)) as recording:
        pcm = b"".join(recording)
        assert recording.seconds == pytest.approx(1.0, abs=0.01)
    assert len(pcm) // 2 == pytest.approx(16_000, abs=40)
    assert pitch(pcm) == pytest.approx(440, abs=2)


def test_a_file_that_is_not_media_is_told(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    path.write_text("not a recording")
    with pytest.raises(Unplayable, match="cannot be opened"):
        Recording(str(path))


def test_a_missing_or_empty_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    for name in ("nowhere.wav", "empty.wav"):
        with pytest.raises(Unplayable, match="cannot be opened"):
            Recording(str(tmp_path / name))


def test_a_truncated_file_gives_what_there_is(tmp_path: Path) -> None:
    path = tmp_path / "tone.wav"
    write(path, 16_000, tone(16_000, 1.0))
    path.write_bytes(path.read_bytes()[:16_000])
    with Recording(str(path)) as recording:
        assert 15_800 < len(b"".join(recording)) < 16_000


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(1, 4000), min_size=1, max_size=12))
def test_pieces_of_any_size_resample_as_one(sizes: list[int]) -> None:
    samples = tone(48_000, sum(sizes) / 48_000)[:, 0]
    pieces, at = Resampler(48_000), 0
    out = b""
    for size in sizes:
        out += pieces.resample(samples[at : at + size].tobytes())
        at += size
    whole = Resampler(48_000)
    expected = whole.resample(samples[:at].tobytes()) + whole.flush()
    assert out + pieces.flush() == expected
