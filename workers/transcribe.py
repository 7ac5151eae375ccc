"""A recording through the streaming decoder, faster than real time."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator

from stream.core.messages import Caption, Rung
from stream.core.records import SAMPLE_RATE
from workers.core.track import BYTES_PER_SAMPLE, seconds
from workers.ports import Audio, Heard, Hypothesis, RunsEngine

RUN_TIMEOUT_S = 60.0


async def transcribe(
    engine: RunsEngine, pieces: AsyncIterable[bytes], *, chunk_ms: int, rung: Rung, name: str
) -> AsyncIterator[tuple[float, list[Caption]]]:
    """For each chunk: seconds heard so far, and the finals that it ended."""
    start = 0
    chunk_bytes = chunk_ms * SAMPLE_RATE // 1000 * BYTES_PER_SAMPLE
    async for pcm, last in _with_last(_chunks(pieces, chunk_bytes)):
        question = Audio(
            stream=name,
            start=start,
            pcm=pcm,
            fresh=start == 0,
            last=last,
            quiet=True,
            chunk_ms=chunk_ms,
        )
        (heard,) = await engine.run(rung, [question], RUN_TIMEOUT_S)
        assert isinstance(heard, Heard)
        start += len(pcm) // BYTES_PER_SAMPLE
        finals = [_final(name, said, rung) for said in heard.hypotheses if said.final]
        yield seconds(start), finals
    engine.forget(name)


async def _chunks(pieces: AsyncIterable[bytes], size: int) -> AsyncIterator[bytes]:
    """The same bytes in pieces of `size`, the last one shorter."""
    kept = bytearray()
    async for piece in pieces:
        kept += piece
        while len(kept) >= size:
            yield bytes(kept[:size])
            del kept[:size]
    yield bytes(kept)


async def _with_last(chunks: AsyncIterator[bytes]) -> AsyncIterator[tuple[bytes, bool]]:
    before = await anext(chunks)
    async for chunk in chunks:
        yield before, False
        before = chunk
    yield before, True


def _final(name: str, said: Hypothesis, rung: Rung) -> Caption:
    return Caption(
        channel=name,
        segment=f"file-{said.start}",
        revision=1,
        text=said.text,
        stable=len(said.text),
        final=True,
        start=seconds(said.start),
        end=seconds(said.end),
        audio_end=seconds(said.ended),
        words=said.words,
        rung=rung,
        budget_ms=0,
    )
