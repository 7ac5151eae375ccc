from __future__ import annotations

from stream.core.messages import Stale
from stream.core.records import Progress
from stream.core.staleness import Staleness


def progress(channel: str = "news", *, over: bool = False) -> Progress:
    return Progress(channel=channel, epoch="e", audio_end=1.0, over=over)


def test_a_live_channel_that_falls_silent_is_stale_once() -> None:
    staleness = Staleness(silence_s=3)
    assert staleness.progress(progress(), 10.0) is None
    assert staleness.tick(13.0) == []
    assert staleness.tick(13.5) == [Stale(channel="news", since_ms=3500)]
    assert staleness.tick(14.0) == []


def test_progress_ends_staleness() -> None:
    staleness = Staleness(silence_s=3)
    staleness.progress(progress(), 10.0)
    staleness.tick(14.0)
    ended = staleness.progress(progress(), 15.0)
    assert ended == Stale(channel="news", since_ms=5000, over=True)
    assert staleness.progress(progress(), 16.0) is None


def test_a_channel_that_is_over_is_never_stale() -> None:
    staleness = Staleness(silence_s=3)
    staleness.progress(progress(), 10.0)
    assert staleness.progress(progress(over=True), 11.0) is None
    assert staleness.tick(100.0) == []
    assert len(staleness) == 0


def test_the_last_word_of_a_stale_channel_ends_its_staleness() -> None:
    staleness = Staleness(silence_s=3)
    staleness.progress(progress(), 10.0)
    staleness.tick(14.0)
    ended = staleness.progress(progress(over=True), 15.0)
    assert ended == Stale(channel="news", since_ms=5000, over=True)


def test_a_newcomer_is_told_of_staleness_only() -> None:
    staleness = Staleness(silence_s=3)
    staleness.progress(progress(), 10.0)
    assert staleness.of("news", 14.0) is None
    staleness.tick(14.0)
    assert staleness.of("news", 15.0) == Stale(channel="news", since_ms=5000)
    assert staleness.of("other", 15.0) is None


def test_silent_channels_are_forgotten_in_time_and_in_number() -> None:
    staleness = Staleness(silence_s=3, forget_s=60, limit=2)
    for channel in "abc":
        staleness.progress(progress(channel), 0.0)
    assert [stale.channel for stale in staleness.tick(10.0)] == ["b", "c"]
    assert staleness.tick(61.0) == []
    assert len(staleness) == 0
