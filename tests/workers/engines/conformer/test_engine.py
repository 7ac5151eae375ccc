"""Our own recogniser: real speech, the same finals however it is cut and whoever is beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from stream.core.messages import Rung
from tests.support.captions import encoder, model, rescorer, vocabulary
from tests.support.speech import DEMO, read_recording, read_speech
from workers.core.stability import common_prefix
from workers.engines.conformer.decoder import ConformerDecoder, Utterance
from workers.engines.conformer.engine import CARD, rules_of
from workers.engines.conformer.hotwords import HotwordMaker
from workers.engines.segmenting import SegmentingRecogniser
from workers.engines.silero import SpeechDetector
from workers.ports import Audio, Heard, Hypothesis

SPEECH = read_speech()
SAMPLES = len(SPEECH) // 2


@pytest.fixture(scope="module")
def engine() -> SegmentingRecogniser[Utterance]:
    return make()


@cache
def make() -> SegmentingRecogniser[Utterance]:
    hotwords = HotwordMaker(vocabulary(), model())
    decoder = ConformerDecoder(encoder(), vocabulary(), hotwords, rescorer())
    return SegmentingRecogniser(CARD, SpeechDetector(), rules_of(), decoder)


def hear(
    engine: SegmentingRecogniser[Utterance],
    cut: int = 5_120,
    start: int = 0,
    *,
    pcm: bytes = SPEECH,
    rung: Rung = Rung.VERIFIED,
    chunk_ms: int = 320,
    hotwords: tuple[str, ...] = (),
    quiet: bool = False,
    calm: Callable[[int], bool] = lambda _: False,
) -> list[Heard]:
    """Answers to a recording that comes in pieces of `cut` samples, from sample `start` on; whether
    it is `calm` is asked of each piece's first sample.
    """
    end = len(pcm) // 2
    return [
        engine.run(
            rung,
            [
                Audio(
                    stream="s",
                    start=begin,
                    pcm=pcm[2 * begin : 2 * min(end, begin + cut)],
                    fresh=begin == start,
                    last=begin + cut >= end,
                    quiet=quiet,
                    calm=calm(begin),
                    chunk_ms=chunk_ms,
                    hotwords=hotwords,
                )
            ],
        )[0]
        for begin in range(start, end, cut)
    ]


def finals(heard: Iterable[Heard]) -> list[Hypothesis]:
    return [said for answer in heard for said in answer.hypotheses if said.final]


@pytest.fixture(scope="module")
def heard(engine: SegmentingRecogniser[Utterance]) -> list[Heard]:
    return hear(engine)


def text_of(heard: Iterable[Heard]) -> str:
    return " ".join(said.text for said in finals(heard))


def test_it_hears_what_was_read(heard: list[Heard]) -> None:
    assert "it is really such a pity" in text_of(heard)
    assert "clever woman could make her quite charming" in text_of(heard)


def test_words_are_plain_and_have_their_times(heard: list[Heard]) -> None:
    for said in finals(heard):
        assert said.text == " ".join(word.word for word in said.words) == said.text.lower()
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


@pytest.mark.parametrize(("cut", "chunk_ms"), [(1_777, 160), (SAMPLES, 640)])
def test_finals_depend_on_the_audio_alone(
    engine: SegmentingRecogniser[Utterance], heard: list[Heard], cut: int, chunk_ms: int
) -> None:
    assert finals(hear(engine, cut, chunk_ms=chunk_ms)) == finals(heard)


def test_drafts_depend_on_the_audio_and_the_length_of_chunks_alone(
    engine: SegmentingRecogniser[Utterance], heard: list[Heard]
) -> None:
    drafts = finals(hear(engine, 2_560, rung=Rung.DRAFT))
    assert finals(hear(engine, 9_999, rung=Rung.DRAFT)) == drafts
    borders = [(said.start, said.end, said.ended) for said in finals(heard)]
    assert [(said.start, said.end, said.ended) for said in drafts] == borders


def test_a_new_owner_hears_the_same(
    engine: SegmentingRecogniser[Utterance], heard: list[Heard]
) -> None:
    middle = max(answer.settled for answer in heard if answer.settled < SAMPLES // 2 + 20_480)
    later = [said for said in finals(heard) if said.ended > middle]
    assert finals(hear(engine, 5_120, middle)) == later != []


def test_neighbours_change_nothing(
    engine: SegmentingRecogniser[Utterance], heard: list[Heard]
) -> None:
    """A neighbour that is a second ahead, and one that begins in the middle."""
    answers: list[Heard] = []
    for begin in range(0, SAMPLES, 5_120):
        questions = [piece("s", begin, 0), piece("ahead", begin, 16_000)]
        if begin >= SAMPLES // 2:
            questions.append(piece("late", begin, 0, fresh=begin - 5_120 < SAMPLES // 2))
        answers.append(engine.run(Rung.VERIFIED, questions)[0])
    assert finals(answers) == finals(heard)
    for stream in ("s", "ahead", "late"):
        engine.forget(stream)


def piece(stream: str, begin: int, ahead: int, *, fresh: bool | None = None) -> Audio:
    end = min(SAMPLES, begin + 5_120)
    pcm = SPEECH[2 * (begin + ahead) : 2 * (end + ahead)].ljust(2 * (end - begin), b"\0")
    first = begin == 0 if fresh is None else fresh
    last = stream == "s" and end == SAMPLES
    return Audio(stream=stream, start=begin, pcm=pcm, fresh=first, last=last, chunk_ms=320)


def test_nothing_is_written_in_silence_and_hiss(engine: SegmentingRecogniser[Utterance]) -> None:
    hiss = np.random.default_rng(0).normal(size=16_000 * 20) * 800
    for samples in (np.zeros(16_000 * 20), hiss):
        pcm = samples.astype("<i2").tobytes()
        assert text_of(hear(engine, 32_000, pcm=pcm)) == ""


@pytest.mark.parametrize(
    ("recording", "name"), [("3664-178355-0018", "Comstock"), ("3242-8112-0013", "plasmoid")]
)
def test_a_name_that_no_lexicon_has_is_written_where_its_channel_waits_for_it(
    engine: SegmentingRecogniser[Utterance], recording: str, name: str
) -> None:
    assert name.upper() not in vocabulary().indices
    pcm = read_recording(DEMO / f"{recording}.opus").tobytes()
    assert name.lower() not in text_of(hear(engine, 32_000, pcm=pcm)).lower()
    waiting: Sequence[str] = ("Wilberforce", name, "Quetzalcoatl")
    text = text_of(hear(engine, 32_000, pcm=pcm, hotwords=tuple(waiting)))
    assert name in text
    assert "Wilberforce" not in text
    assert "Quetzalcoatl" not in text


def test_where_nobody_reads_partials_the_finals_are_the_same(
    engine: SegmentingRecogniser[Utterance], heard: list[Heard]
) -> None:
    assert finals(hear(engine, 32_000, quiet=True)) == finals(heard)


def partials_of(heard: Iterable[Heard]) -> list[Hypothesis]:
    return [said for answer in heard for said in answer.hypotheses if not said.final]


def withdrawn(heard: Iterable[Heard]) -> int:
    """Words that were shown and did not stay, and all behind them."""
    segments: dict[int, list[list[str]]] = {}
    for answer in heard:
        for said in answer.hypotheses:
            segments.setdefault(said.start, []).append(said.text.split())
    steps = [pair for texts in segments.values() for pair in pairwise(texts)]
    return sum(len(before) - common_prefix([before, after]) for before, after in steps)


@pytest.mark.parametrize(
    ("cut", "calm"), [(2_560, lambda _: True), (5_120, lambda begin: begin // 16_000 % 2 == 0)]
)
def test_where_it_is_calm_the_finals_are_the_same(
    engine: SegmentingRecogniser[Utterance],
    heard: list[Heard],
    cut: int,
    calm: Callable[[int], bool],
) -> None:
    assert finals(hear(engine, cut, calm=calm)) == finals(heard)


def test_where_it_is_calm_fewer_words_are_withdrawn(
    engine: SegmentingRecogniser[Utterance],
) -> None:
    drafted, previewed = 0, 0
    for path in sorted(DEMO.glob("*.opus"))[:3]:
        pcm = read_recording(path).tobytes()
        drafted += withdrawn(hear(engine, 2_560, pcm=pcm, chunk_ms=160))
        calm = hear(engine, 2_560, pcm=pcm, chunk_ms=160, calm=lambda _: True)
        previewed += withdrawn(calm)
        longest = max(len(said.words) for said in partials_of(calm))
        assert longest > 0.6 * max(len(said.words) for said in finals(calm))
    assert previewed < drafted / 2


@pytest.mark.parametrize("first", [0, 1])
def test_when_the_calm_ends_and_comes_back_what_was_shown_stands(
    engine: SegmentingRecogniser[Utterance], first: int
) -> None:
    turns = hear(engine, 2_560, chunk_ms=160, calm=lambda at: at // 32_000 % 2 == first)
    for said in partials_of(turns):
        times = [(word.start, word.end) for word in said.words]
        assert times == sorted(times)
    calm = [partial.text for partial in partials_of(turns)]
    assert all(len(after) > len(before) // 2 for before, after in pairwise(calm) if after)


def test_a_name_that_is_waited_for_is_in_previews_too(
    engine: SegmentingRecogniser[Utterance],
) -> None:
    pcm = read_recording(DEMO / "3664-178355-0018.opus").tobytes()
    heard = hear(engine, 2_560, pcm=pcm, chunk_ms=160, hotwords=("Comstock",), calm=lambda _: True)
    assert any("Comstock" in said.text for said in partials_of(heard))


def test_partials_go_on_behind_words_that_were_heard_again(
    engine: SegmentingRecogniser[Utterance],
) -> None:
    """A pause in which an end was likely, and none came."""
    said = SPEECH[: 2 * 48_000]
    pcm = said + b"\0" * 2 * 4_500 + said
    partials = [each for answer in hear(engine, 2_560, pcm=pcm) for each in answer.hypotheses]
    for partial in partials:
        times = [(word.start, word.end) for word in partial.words]
        assert times == sorted(times)
