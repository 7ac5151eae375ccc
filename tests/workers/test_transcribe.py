"""A file through the streaming decoder: every sample once, in order, and the finals it gives."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.core.messages import Caption, Rung
from tests.support.scripted import SEGMENT_SAMPLES, SPOKEN, make_engine
from tests.support.virtual import run
from workers.ports import Answer, Audio, Question
from workers.transcribe import transcribe

SECOND = bytes(32_000)


class Engine:
    """The scripted engine in this process; remembers the questions."""

    def __init__(self) -> None:
        self.asked: list[Audio] = []
        self.forgotten: list[str] = []
        self._engine = make_engine("captions")

    async def wait_up(self) -> None:
        return None

    async def run(
        self, rung: Rung, questions: Sequence[Question], timeout_s: float
    ) -> Sequence[Answer]:
        self.asked += [question for question in questions if isinstance(question, Audio)]
        return self._engine.run(rung, questions)

    def forget(self, stream: str) -> None:
        self.forgotten.append(stream)

    def statistics(self) -> Mapping[str, float]:
        return {}


async def coming(pieces: list[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def hear(
    engine: Engine, pieces: list[bytes], chunk_ms: int = 320
) -> tuple[list[float], list[Caption]]:
    heard, finals = [], []
    options = {"chunk_ms": chunk_ms, "name": "talk.wav"}
    async for seconds, ended in transcribe(engine, coming(pieces), rung=Rung.VERIFIED, **options):  # type: ignore[arg-type]
        heard.append(seconds)
        finals += ended
    return heard, finals


@pytest.mark.parametrize("chunk_ms", [40, 320, 10_000])
async def test_segments_do_not_depend_on_the_size_of_chunks(chunk_ms: int) -> None:
    heard, finals = await hear(Engine(), [SECOND] * 7, chunk_ms)
    assert heard[-1] == 7.0
    assert [final.segment for final in finals] == [
        f"file-{number * SEGMENT_SAMPLES}" for number in range(3)
    ]
    assert finals[0].text == " ".join(SPOKEN)
    assert (finals[-1].start, finals[-1].end) == (6.4, 7.0)
    assert all(final.final and final.stable == len(final.text) for final in finals)


@given(st.lists(st.integers(0, 3_000), max_size=20), st.integers(40, 500))
def test_every_sample_is_told_once_and_the_end_is_told_once(sizes: list[int], chunk: int) -> None:
    engine = Engine()
    pieces = [bytes([number % 256]) * 2 * size for number, size in enumerate(sizes)]
    run(hear(engine, pieces, chunk))
    assert b"".join(audio.pcm for audio in engine.asked) == b"".join(pieces)
    starts = [audio.start for audio in engine.asked]
    ends = [audio.start + len(audio.pcm) // 2 for audio in engine.asked]
    assert starts == [0, *ends[:-1]]
    assert [audio.last for audio in engine.asked] == [False] * (len(engine.asked) - 1) + [True]
    assert [audio.fresh for audio in engine.asked] == [at == 0 for at in starts]
    assert engine.forgotten == ["talk.wav"]


async def test_silence_of_no_length_has_no_captions() -> None:
    heard, finals = await hear(Engine(), [])
    assert (heard, finals) == ([0.0], [])
