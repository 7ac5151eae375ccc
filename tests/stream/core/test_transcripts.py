"""Finals by channel: in order, once, bounded, without what was taken back."""

from stream.core.messages import Caption, Retract
from stream.core.transcripts import TranscriptLimits, Transcripts


def final(segment: str, channel: str = "demo", text: str = "hello") -> Caption:
    return Caption(
        channel=channel,
        segment=segment,
        revision=1,
        text=text,
        stable=len(text),
        final=True,
        start=0.0,
        end=1.0,
        audio_end=1.0,
        budget_ms=200,
    )


def segments(transcripts: Transcripts, channel: str = "demo") -> list[str]:
    return [each.segment for each in transcripts.of(channel)]


def test_finals_stand_in_order_and_once() -> None:
    transcripts = Transcripts()
    for segment in ("a", "b", "a", "c"):
        transcripts.add(final(segment))
    assert segments(transcripts) == ["a", "b", "c"]
    assert segments(transcripts, "other") == []


def test_what_was_taken_back_does_not_return() -> None:
    transcripts = Transcripts()
    transcripts.add(final("a"))
    transcripts.retract(Retract(channel="demo", segment="a", reason="no"))
    transcripts.retract(Retract(channel="demo", segment="b", reason="before it came"))
    transcripts.retract(Retract(channel="demo", post="p", reason="no segment"))
    transcripts.add(final("a"))
    transcripts.add(final("b"))
    assert segments(transcripts) == []


def test_a_version_changes_with_the_finals_only() -> None:
    transcripts = Transcripts()
    assert transcripts.version("demo") == 0
    transcripts.add(final("a"))
    first = transcripts.version("demo")
    transcripts.add(final("a"))
    transcripts.add(final("x", "other"))
    assert transcripts.version("demo") == first
    transcripts.retract(Retract(channel="demo", segment="a", reason="no"))
    assert transcripts.version("demo") not in {0, first}


def test_a_channel_loses_its_oldest_finals() -> None:
    transcripts = Transcripts(TranscriptLimits(finals=2))
    for segment in ("a", "b", "c"):
        transcripts.add(final(segment))
    assert segments(transcripts) == ["b", "c"]


def test_the_channel_that_is_silent_longest_is_forgotten() -> None:
    transcripts = Transcripts(TranscriptLimits(bytes=5_000))
    transcripts.add(final("a", "old", "x" * 1_000))
    transcripts.add(final("b", "new", "x" * 1_000))
    transcripts.add(final("c", "new", "x" * 1_000))
    assert segments(transcripts, "old") == []
    assert segments(transcripts, "new") == ["b", "c"]
    assert transcripts.version("old") == 0
