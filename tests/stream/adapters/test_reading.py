"""Sources that wait, never end or come over the network: read aside, bounded, and left in time."""

from __future__ import annotations

import asyncio
import functools
import io
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stream.adapters.media import Reading
from stream.adapters.media.reading import PIECES
from stream.core.errors import Unplayable
from tests.support.opus import film, record

PATIENCE_S = 20.0
ENDLESS = "sine=frequency=440:sample_rate=44100"


def pitch(pcm: bytes) -> float:
    samples = np.frombuffer(pcm, "<i2").astype(float)
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * 16_000 / len(samples))


async def hear(reading: Reading, seconds: float = 1e9) -> bytes:
    """Its samples, at least so many seconds of them, or all."""
    heard = bytearray()
    async with asyncio.timeout(PATIENCE_S), reading as pieces:
        async for piece in pieces:
            heard += piece
            if len(heard) >= seconds * 32_000:
                break
    return bytes(heard)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *told: object) -> None:
        """Nothing."""


@pytest.fixture
def website(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "talk.webm").write_bytes(record("webm", 2.0))
    handler = functools.partial(Quiet, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The end to write to, of what is standard input here."""
    reading, writing = os.pipe()
    with io.TextIOWrapper(os.fdopen(reading, "rb")) as source:
        monkeypatch.setattr(sys, "stdin", source)
        yield writing


@contextmanager
def sending(send: Any, *about: object) -> Iterator[None]:
    thread = threading.Thread(target=send, args=about)
    thread.start()
    yield
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


async def test_a_url_is_read(website: str) -> None:
    pcm = await hear(Reading(f"{website}/talk.webm"))
    assert len(pcm) / 32_000 == pytest.approx(2.0, abs=0.05)
    assert pitch(pcm) == pytest.approx(440, abs=2)


async def test_a_url_that_is_not_there_is_told(website: str) -> None:
    with pytest.raises(Unplayable, match=r"nothing\.mp3 cannot be opened: .*404"):
        await hear(Reading(f"{website}/nothing.mp3"))


async def test_a_stream_over_tcp_is_heard_as_it_comes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def send() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(record("ogg", 3.0))

        with sending(send):
            pcm = await hear(Reading(f"tcp://127.0.0.1:{server.getsockname()[1]}"))
    assert pitch(pcm) == pytest.approx(440, abs=2)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


SEND = """
import sys, av, numpy
wave = numpy.sin(2 * numpy.pi * 440 * numpy.arange(3 * 44_100) / 44_100).astype(numpy.float32)
def send():
    with av.open(sys.argv[1], "w", format="flv") as out:
        stream = out.add_stream("aac", rate=44_100, layout="mono")
        for at in range(0, len(wave), 1_024):
            samples = wave[at : at + 1_024].reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 44_100, at
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
for attempt in range(100_000):
    try:
        send()
    except ConnectionRefusedError:
        continue
    break
"""
"""As a broadcaster's encoder does, once somebody listens. In a process of its own: FFmpeg's output
keeps the interpreter to itself while it connects."""


async def test_an_rtmp_sender_is_waited_for() -> None:
    url = f"rtmp://127.0.0.1:{free_port()}/live/news"
    sender = await asyncio.create_subprocess_exec(sys.executable, "-c", SEND, url)
    try:
        pcm = await hear(Reading(url, listen=True))
    finally:
        if sender.returncode is None:
            sender.kill()
        await sender.wait()
    assert len(pcm) / 32_000 == pytest.approx(3.0, abs=0.2)
    assert pitch(pcm) == pytest.approx(440, abs=2)


async def test_what_never_ends_is_read_no_further_than_it_is_taken_and_left() -> None:
    reading = Reading(ENDLESS, form="lavfi")
    pcm = await hear(reading, 2.0)
    assert reading.seconds is None
    assert reading._pieces.qsize() <= PIECES
    assert pitch(pcm) == pytest.approx(440, abs=2)


async def test_standard_input_is_read(pipe: int) -> None:
    def send() -> None:
        with os.fdopen(pipe, "wb") as out:
            out.write(record("ogg", 3.0))

    with sending(send):
        pcm = await hear(Reading("-"))
    assert len(pcm) / 32_000 == pytest.approx(3.0, abs=0.05)


async def test_raw_samples_are_named_by_their_format(pipe: int) -> None:
    """FFmpeg's own default for raw samples is 44.1 kHz mono."""
    times = np.arange(44_100) / 44_100
    with sending(send_all, pipe, (np.sin(2 * np.pi * 440 * times) * 9_000).astype("<i2").tobytes()):
        pcm = await hear(Reading("-", form="s16le"))
    assert pitch(pcm) == pytest.approx(440, abs=2)


def send_all(descriptor: int, content: bytes) -> None:
    with os.fdopen(descriptor, "wb") as out:
        out.write(content)


async def test_a_source_that_says_nothing_keeps_nobody(pipe: int) -> None:
    """Cancelled while it waits to be open: the thread stays behind, and ends when the pipe does."""
    waiting = asyncio.create_task(hear(Reading("-")))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(PATIENCE_S):
            await waiting
    os.close(pipe)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("empty.mp3", b"", "(it is empty)"),
        ("note.txt", b"not a recording at all", "(it begins with b'not a record')"),
        ("film.mp4", film("mp4", "mpeg4"), "has no audio stream, only video (mpeg4)"),
    ],
)
async def test_what_is_found_is_told(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(Unplayable) as caught:
        await hear(Reading(str(path)))
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("source", "form", "told"),
    [
        ("nowhere.wav", "", "no such file or directory"),
        (".", "", r"\(it is a folder\)"),
        ("x", "nonsense", "no container format 'nonsense'"),
        ("srt://127.0.0.1:1", "", "this ffmpeg does not speak its protocol; pipe it in"),
    ],
)
async def test_what_cannot_be_opened_is_told(source: str, form: str, told: str) -> None:
    with pytest.raises(Unplayable, match=told):
        await hear(Reading(source, form=form))
