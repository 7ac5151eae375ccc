"""Segments, ids and finals don't depend on chunks, on neighbours or on who decodes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from stream.core.errors import EngineError
from stream.core.messages import Rung, Word
from tests.support.speech import read_speech
from workers.core.endpoint import FRAME_SAMPLES, EndpointRules
from workers.engines.segmenting import SegmentingRecogniser
from workers.engines.silero import (
    CONTEXT_SAMPLES,
    EMPTY,
    NOTHING,
    Floats,
    Samples,
    SpeechDetector,
    SpeechState,
)
from workers.ports import Audio, Card, Heard, Hypothesis

CARD = Card(name="counting", task="captions", rungs=(Rung.DRAFT,))
RULES = EndpointRules(silence=5, longest=40, pre_roll=3)


@dataclass
class Counted:
    start: int
    samples: int = 0
    total: int = 0


class CountingDecoder:
    """Its words are where the segment began, how much was heard of it, and what that adds up to."""

    def __init__(self) -> None:
        self.open = 0
        self.batches: list[int] = []

    def begin(self, start: int) -> Counted:
        self.open += 1
        return Counted(start)

    def step(self, states: Sequence[Counted], audio: Sequence[Samples]) -> None:
        self.batches.append(len(states))
        for state, samples in zip(states, audio, strict=True):
            state.samples += len(samples)
            state.total += int(samples.astype(np.int64).sum())

    def read(self, state: Counted) -> Sequence[Word]:
        texts = [str(number) for number in (state.start, state.samples, state.total)]
        return [Word(word=text, start=0.0, end=0.0, confidence=0.0) for text in texts]

    def end(self, state: Counted) -> Sequence[Word]:
        self.open -= 1
        return self.read(state)

    def drop(self, state: Counted) -> None:
        self.open -= 1


class SilentDecoder(CountingDecoder):
    """Has not made out a word yet."""

    def read(self, state: Counted) -> Sequence[Word]:
        return ()


class LoudnessDetector(SpeechDetector):
    """Speech is what is loud; remembers, so that a forgotten reset would show."""

    def __init__(self) -> None:
        pass

    def features(self, audio: Samples) -> Floats:
        loud = np.abs(audio[:, CONTEXT_SAMPLES:]).mean(1, keepdims=True) > 1000
        return np.asarray(loud, np.float32)

    def step(
        self, states: Sequence[SpeechState], features: Sequence[Floats]
    ) -> list[tuple[float, SpeechState]]:
        found = []
        for state, sound in zip(states, features, strict=True):
            now, before = float(sound[0]), float(state.hidden[0])
            found.append((0.7 * now + 0.3 * before, state._replace(hidden=sound)))
        return found


def recogniser() -> tuple[SegmentingRecogniser[Counted], CountingDecoder]:
    decoder = CountingDecoder()
    return SegmentingRecogniser(CARD, LoudnessDetector(), RULES, decoder), decoder


def sound(pattern: Iterable[tuple[bool, int]], tail: int = 0) -> bytes:
    """Loud and quiet stretches in frames, and a few samples more."""
    level = [3000 if loud else 3 for loud, frames in pattern for _ in range(frames * FRAME_SAMPLES)]
    samples = np.array(level + [3000] * tail, np.int64)
    return (samples + np.arange(len(samples)) % 7).astype("<i2").tobytes()


def hear(
    engine: SegmentingRecogniser[Counted], pcm: bytes, cuts: Sequence[int], start: int = 0
) -> list[Heard]:
    count = len(pcm) // 2
    borders = [start, *sorted({cut for cut in cuts if start < cut < count}), count]
    return [
        engine.run(
            Rung.DRAFT,
            [
                Audio(
                    stream="s",
                    start=begin,
                    pcm=pcm[2 * begin : 2 * end],
                    fresh=begin == start,
                    last=end == count,
                )
            ],
        )[0]
        for begin, end in pairwise(borders)
    ]


def finals(heard: Iterable[Heard]) -> list[Hypothesis]:
    return [said for each in heard for said in each.hypotheses if said.final]


patterns = st.lists(st.tuples(st.booleans(), st.integers(1, 50)), min_size=1, max_size=8)
cuts = st.lists(st.integers(1, 60_000), max_size=20)


@settings(max_examples=50)
@given(patterns, st.integers(0, 600), cuts)
def test_any_chopping_of_the_audio_gives_the_same_segments(
    pattern: list[tuple[bool, int]], tail: int, borders: list[int]
) -> None:
    pcm = sound(pattern, tail)
    engine, decoder = recogniser()
    assert finals(hear(engine, pcm, borders)) == finals(hear(engine, pcm, []))
    assert decoder.open == 0


@settings(max_examples=50)
@given(patterns, st.integers(0, 600), cuts, st.data())
def test_a_new_owner_arrives_at_the_same_segments(
    pattern: list[tuple[bool, int]], tail: int, borders: list[int], data: st.DataObject
) -> None:
    pcm = sound(pattern, tail)
    heard = hear(recogniser()[0], pcm, borders)
    point = data.draw(st.sampled_from([0, *(each.settled for each in heard)]))
    if point < len(pcm) // 2:
        later = [said for said in finals(heard) if said.ended > point]
        assert finals(hear(recogniser()[0], pcm, borders, point)) == later


@given(patterns, cuts)
def test_what_is_settled_lies_before_the_open_segment_and_never_goes_back(
    pattern: list[tuple[bool, int]], borders: list[int]
) -> None:
    before = 0
    for each in hear(recogniser()[0], sound(pattern), borders):
        assert before <= each.settled <= each.upto
        partials = [said for said in each.hypotheses if not said.final]
        assert len(partials) <= 1
        assert all(each.settled <= said.start for said in partials)
        before = each.settled


def test_a_segments_audio_reaches_the_decoder_once_and_whole() -> None:
    pcm = sound([(False, 10), (True, 10), (False, 10)])
    (said,) = finals(hear(recogniser()[0], pcm, [5_000]))
    assert (said.start, said.end, said.ended) == (5 * 512, 20 * 512, 25 * 512)
    assert said.text == counted(pcm, said.start, 24 * 512)


def counted(pcm: bytes, start: int, end: int) -> str:
    heard = np.frombuffer(pcm, "<i2")[start:end].astype(np.int64)
    return f"{start} {len(heard)} {heard.sum()}"


def test_silence_is_held_back_until_speech_goes_on() -> None:
    """Nothing is left to decode when the silence confirms the end."""
    rules = EndpointRules(silence=10, longest=60, pre_roll=3, likely=4)
    pcm = sound([(True, 10), (False, 8), (True, 5), (False, 10)])
    for cuts in ([], [12_000], range(0, len(pcm) // 2, 700)):
        decoder = RestingDecoder()
        engine = SegmentingRecogniser(CARD, LoudnessDetector(), rules, decoder)
        (said,) = finals(hear(engine, pcm, cuts))
        assert said.text == counted(pcm, 0, 27 * 512)
        assert decoder.rested == [14 * 512, 27 * 512]


def test_an_end_is_foreseen_where_it_is_likely_and_where_it_is_decided() -> None:
    engine = recogniser()[0]
    heard: list[Heard] = []
    for start, pattern in ((0, [(True, 4), (False, 2)]), (6, [(False, 2)]), (8, [(False, 1)])):
        question = Audio(stream="s", start=start * 512, pcm=sound(pattern), fresh=start == 0)
        heard += engine.run(Rung.DRAFT, [question])
    assert [each.foreseen for each in heard] == [8 * 512, 9 * 512, 0]
    assert [said.ended for said in finals(heard)] == [9 * 512]


class RestingDecoder(CountingDecoder):
    """Notes how much it had heard whenever an end was likely."""

    def __init__(self) -> None:
        super().__init__()
        self.rested: list[int] = []

    def heed(self, state: Counted, audio: Audio, rung: Rung) -> None:
        assert audio.stream == "s"

    def rest(self, states: Sequence[Counted]) -> None:
        self.rested += [state.samples for state in states]


def test_the_end_of_the_audio_brings_its_last_samples_too() -> None:
    pcm = sound([(True, 4)], tail=100)
    (said,) = finals(hear(recogniser()[0], pcm, []))
    assert (said.start, said.ended) == (0, 4 * 512 + 100)
    assert said.words[1].word == str(4 * 512 + 100)


def test_finals_are_written_as_people_write_them_and_partials_as_they_are_spoken() -> None:
    def write(words: Sequence[Word]) -> list[Word]:
        return [replace(word, word=f"<{word.word}>") for word in words]

    engine = SegmentingRecogniser(CARD, LoudnessDetector(), RULES, CountingDecoder(), write=write)
    partial, final = (
        said for each in hear(engine, sound([(True, 4)]), [1_024]) for said in each.hypotheses
    )
    assert "<" not in partial.text
    assert final.text == " ".join(word.word for word in final.words)
    assert final.text.startswith("<0> <2048> <")
    assert final.stable == len(final.text)


def test_what_is_never_surely_speech_has_no_text() -> None:
    rules = EndpointRules(silence=5, longest=40, pre_roll=3, sure=1.1)
    engine = SegmentingRecogniser(CARD, LoudnessDetector(), rules, CountingDecoder())
    heard = hear(engine, sound([(True, 10), (False, 10)]), [3_000, 6_000])
    said = [each for answer in heard for each in answer.hypotheses]
    assert [each.text for each in said] == [""] * len(said)
    assert [each.final for each in said if each.final] == [True]


def test_an_open_segment_says_how_far_it_was_heard_before_its_first_word() -> None:
    engine = SegmentingRecogniser(CARD, LoudnessDetector(), RULES, SilentDecoder())
    heard = hear(engine, sound([(True, 8)]), [2 * 512, 5 * 512])
    said = [each for answer in heard for each in answer.hypotheses if not each.final]
    assert [(each.text, each.end) for each in said] == [("", 2 * 512), ("", 5 * 512)]


def test_streams_of_a_batch_are_decoded_together() -> None:
    engine, decoder = recogniser()
    loud = sound([(True, 4)])
    engine.run(Rung.DRAFT, [Audio(stream=name, start=0, pcm=loud, fresh=True) for name in "abc"])
    assert decoder.batches == [3]
    engine.forget("a")
    engine.forget("nobody")
    assert decoder.open == 2


def test_a_fresh_start_drops_what_was_open() -> None:
    engine, decoder = recogniser()
    question = Audio(stream="s", start=0, pcm=sound([(True, 4)]), fresh=True)
    engine.run(Rung.DRAFT, [question])
    engine.run(Rung.DRAFT, [question])
    assert decoder.open == 1


@pytest.mark.parametrize(
    ("questions", "complaint"),
    [
        ([Audio(stream="s", start=0, pcm=b"abc", fresh=True)], "3 bytes, expected an even number"),
        ([Audio(stream="s", start=512, pcm=b"")], "stream is not known"),
        ([Audio(stream="s", start=0, pcm=b"", fresh=True)] * 2, "twice"),
    ],
)
def test_what_cannot_be_right_is_refused(questions: list[Audio], complaint: str) -> None:
    with pytest.raises(EngineError, match=complaint):
        recogniser()[0].run(Rung.DRAFT, questions)


def frames_of(pcm: bytes) -> Samples:
    """Frames behind what is before them [n, 576]."""
    samples = np.concatenate((NOTHING, np.frombuffer(pcm, "<i2")))
    starts = np.arange(0, len(samples) - FRAME_SAMPLES - CONTEXT_SAMPLES + 1, FRAME_SAMPLES)
    frames: Samples = samples[starts[:, np.newaxis] + np.arange(CONTEXT_SAMPLES + FRAME_SAMPLES)]
    return frames


def probabilities(detector: SpeechDetector, frames: Samples) -> list[float]:
    state, found = EMPTY, []
    for features in detector.features(frames):
        ((probability, state),) = detector.step([state], [features])
        found.append(probability)
    return found


def test_streams_that_share_a_run_of_the_detector_do_not_change_each_others_numbers() -> None:
    detector, frames = SpeechDetector(), frames_of(read_speech())[:300]
    alone = probabilities(detector, frames)
    states = [EMPTY] * 7
    for number, frame in enumerate(frames):
        places = [(number + 17 * stream) % len(frames) for stream in range(7)]
        features = detector.features(frames[places])
        assert np.array_equal(features[:1], detector.features(frame[np.newaxis]))
        found = detector.step(states, list(features))
        states = [state for _, state in found]
        assert found[0][0] == alone[number]


def test_the_detector_hears_speech_where_there_is_speech() -> None:
    likelihoods = probabilities(SpeechDetector(), frames_of(read_speech()))
    assert max(likelihoods[:36]) < 0.5
    assert np.mean(likelihoods[60:200]) > 0.8
