"""Where a segment begins and ends, and from where a new owner can go on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.endpoint import (
    FRAME_SAMPLES,
    GRID_FRAMES,
    GRID_SAMPLES,
    Closed,
    Endpointer,
    EndpointRules,
    Event,
    Opened,
    Renewed,
)

RULES = EndpointRules()
SPEECH, QUIET = 0.9, 0.05
likelihoods = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.4, 0.6, 0.9, 1.0]), st.integers(1, 40)), max_size=12
).map(lambda runs: [value for value, length in runs for _ in range(length)])
short_rules = st.builds(
    EndpointRules,
    onset_frames=st.integers(1, 3),
    pre_roll=st.integers(0, 12),
    silence=st.integers(1, 25),
    longest=st.integers(20, 90),
)


def listen(frames: list[float], rules: EndpointRules = RULES, start: int = 0) -> list[Event]:
    ends = Endpointer(rules, start)
    return [event for frame in frames if (event := ends.step(frame)) is not None]


def frame(number: int) -> int:
    return number * FRAME_SAMPLES


def test_silence_begins_anew_at_each_grid_point() -> None:
    assert listen([QUIET] * 100) == [Renewed(GRID_SAMPLES), Renewed(2 * GRID_SAMPLES)]


def test_a_segment_runs_from_before_its_onset_to_the_silence_after_it() -> None:
    assert listen([QUIET] * 20 + [SPEECH] * 30 + [QUIET] * 25) == [
        Opened(frame(10)),
        Closed(end=frame(50), ended=frame(75)),
    ]


def test_a_segment_without_a_sure_frame_has_nothing_to_say() -> None:
    rules = EndpointRules(sure=0.8)
    for likelihood, sure in ((0.7, False), (SPEECH, True)):
        events = listen([QUIET] * 20 + [likelihood] * 30 + [QUIET] * 25, rules)
        assert events[-1] == Closed(end=frame(50), ended=frame(75), sure=sure)


def test_one_likely_frame_is_no_onset() -> None:
    assert listen([QUIET, SPEECH, QUIET] * 13) == []


def test_the_pre_roll_ends_at_the_last_settled_point() -> None:
    assert Opened(frame(40)) in listen([QUIET] * 43 + [SPEECH] * 2)
    assert listen([SPEECH] * 2)[0] == Opened(0)


def test_an_onset_that_spans_a_grid_point_begins_behind_it() -> None:
    """The frame before it is forgotten: a new owner has not heard it."""
    events = listen([QUIET] * 39 + [SPEECH] * 3)
    assert events == [Renewed(GRID_SAMPLES), Opened(GRID_SAMPLES)]


def test_a_doubtful_frame_keeps_a_segment_open_but_opens_none() -> None:
    assert listen([0.4] * 39) == []
    assert listen([SPEECH] * 2 + [0.4] * 30) == [Opened(0)]


def test_a_segment_is_never_longer_than_the_longest() -> None:
    opened, closed = listen([SPEECH] * 625)
    assert (opened, closed) == (Opened(0), Closed(frame(625), frame(625)))


def test_a_long_segment_is_content_with_a_short_pause() -> None:
    assert [RULES.patience(length) for length in (1, 312, 469, 600, 625)] == [25, 25, 12, 1, 1]
    assert listen([SPEECH] * 469 + [QUIET] * 12)[-1] == Closed(frame(469), frame(480))


def test_the_end_of_the_audio_ends_the_open_segment() -> None:
    ends = Endpointer(RULES, 0)
    assert ends.close(100) is None
    for _ in range(5):
        ends.step(SPEECH)
    assert ends.close(frame(5) + 100) == Closed(frame(5), frame(5) + 100)
    assert not ends.is_open


@pytest.mark.parametrize(("start", "first"), [(0, 0), (1, 512), (512, 512), (20_481, 20_992)])
def test_frames_lie_on_the_absolute_grid(start: int, first: int) -> None:
    ends = Endpointer(RULES, start)
    assert (ends.settled, ends.sample) == (start, first)


@given(likelihoods, short_rules)
def test_segments_are_in_order_and_apart(frames: list[float], rules: EndpointRules) -> None:
    at, opened = 0, None
    for event in listen(frames, rules):
        match event:
            case Opened(start):
                assert opened is None
                assert start >= at
                opened = start
            case Closed(end, ended):
                assert opened is not None
                assert opened < end <= ended <= opened + frame(rules.longest + rules.onset_frames)
                at, opened = ended, None
            case Renewed(point):
                assert opened is None
                assert point % GRID_SAMPLES == 0
                at = point


@given(likelihoods, short_rules, st.data())
def test_a_fresh_start_at_a_settled_point_goes_on_alike(
    frames: list[float], rules: EndpointRules, data: st.DataObject
) -> None:
    ends = Endpointer(rules, 0)
    history = [(ends.step(each), ends.settled) for each in frames]
    point = data.draw(st.sampled_from([0, *(settled for _, settled in history)]))
    known = [event for event, _ in history[point // FRAME_SAMPLES :] if event is not None]
    assert listen(frames[point // FRAME_SAMPLES :], rules, point) == known


@given(likelihoods, short_rules)
def test_every_grid_point_in_silence_is_settled(frames: list[float], rules: EndpointRules) -> None:
    ends = Endpointer(rules, 0)
    for each in frames:
        ends.step(each)
        if ends.sample % GRID_SAMPLES == 0 and not ends.is_open:
            assert ends.settled == ends.sample
    assert ends.is_open or ends.sample - ends.settled < GRID_FRAMES * FRAME_SAMPLES
