"""The first recogniser: real speech, the same words however it is cut."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest

from stream.core.errors import EngineError
from stream.core.messages import Rung
from tests.support.speech import read_speech
from workers.engines.pocketsphinx import SphinxDecoder, Utterance, make_engine
from workers.engines.segmenting import SegmentingRecogniser
from workers.ports import Audio, Heard, Hypothesis

SAMPLES = len(read_speech()) // 2


@pytest.fixture(scope="module")
def engine() -> SegmentingRecogniser[Utterance]:
    return make_engine(decoders=1, most_decoders=1, verbatim=True)


def hear(
    engine: SegmentingRecogniser[Utterance], chunk: int, start: int = 0
) -> Iterator[tuple[int, Heard]]:
    for begin in range(start, SAMPLES, chunk):
        end = min(SAMPLES, begin + chunk)
        question = Audio(
            stream="s",
            start=begin,
            pcm=read_speech()[2 * begin : 2 * end],
            fresh=begin == start,
            last=end == SAMPLES,
        )
        yield end, engine.run(Rung.DRAFT, [question])[0]


@pytest.fixture(scope="module")
def heard(engine: SegmentingRecogniser[Utterance]) -> list[Heard]:
    return [answer for _, answer in hear(engine, 5_120)]


def finals(heard: list[Heard]) -> list[Hypothesis]:
    return [said for answer in heard for said in answer.hypotheses if said.final]


def test_it_hears_what_was_read(heard: list[Heard]) -> None:
    first, second = finals(heard)
    assert "such a pity" in first.text
    assert "stopped moving" in second.text


def test_words_are_plain_and_have_their_times(heard: list[Heard]) -> None:
    for said in finals(heard):
        assert said.text == " ".join(word.word for word in said.words)
        assert not set("<>[]()+") & set(said.text)
        times = [(word.start, word.end) for word in said.words]
        assert times == sorted(times)
        assert said.start / 16_000 <= times[0][0] < times[-1][1] <= said.ended / 16_000
        assert all(0.0 < word.confidence <= 1.0 for word in said.words)


def test_partials_come_as_it_is_said_and_keep_their_promise(heard: list[Heard]) -> None:
    partials = [said for answer in heard for said in answer.hypotheses if not said.final]
    assert len(partials) > 20
    for before, after in pairwise(partials):
        if before.start == after.start:
            assert after.text.startswith(before.text[: before.stable])
            assert after.stable >= before.stable


@pytest.mark.parametrize("chunk", [1_777, 32_000])
def test_the_words_do_not_depend_on_chunks(
    engine: SegmentingRecogniser[Utterance], heard: list[Heard], chunk: int
) -> None:
    assert finals([answer for _, answer in hear(engine, chunk)]) == finals(heard)


def test_a_new_owner_hears_the_same(
    engine: SegmentingRecogniser[Utterance], heard: list[Heard]
) -> None:
    middle = max(answer.settled for answer in heard if answer.settled < SAMPLES // 2 + 20_480)
    later = [said for said in finals(heard) if said.ended > middle]
    assert finals([answer for _, answer in hear(engine, 5_120, middle)]) == later != []


def test_more_open_segments_than_decoders_are_refused() -> None:
    decoder = SphinxDecoder(1, 1)
    first = decoder.begin(0)
    with pytest.raises(EngineError, match="1 segments are open, expected at most 1"):
        decoder.begin(0)
    decoder.drop(first)
    assert decoder.end(decoder.begin(0)) == []
