"""Finals become files that independent parsers read."""

from __future__ import annotations

import io
import itertools

import orjson
import srt
import webvtt
from hypothesis import given
from hypothesis import strategies as st

from stream.core.messages import Caption, Word
from stream.core.subtitles import LINE_CHARACTERS, LINES, cues, to_json, to_srt, to_text, to_webvtt


def final(text: str, start: float = 0.0, end: float = 2.0, words: tuple[Word, ...] = ()) -> Caption:
    return Caption(
        channel="c",
        segment=f"e-{int(start * 16000)}",
        revision=1,
        text=text,
        stable=len(text),
        final=True,
        start=start,
        end=end,
        audio_end=end,
        words=words,
        budget_ms=200,
    )


def parse_vtt(text: str) -> list[webvtt.Caption]:
    return list(webvtt.from_buffer(io.StringIO(text)).captions)


def test_a_final_becomes_a_cue_with_its_times() -> None:
    (cue,) = parse_vtt(to_webvtt([final("good evening", 3661.5, 3663.25)]))
    assert (cue.start, cue.end, cue.text) == ("01:01:01.500", "01:01:03.250", "good evening")


def test_markup_is_escaped_in_webvtt() -> None:
    assert "a &lt;b&gt; &amp; --&gt; c" in to_webvtt([final("a <b> & --> c")])


def test_a_long_final_is_split_at_word_times() -> None:
    words = tuple(
        Word(word="seventeen", start=i * 0.5, end=i * 0.5 + 0.4, confidence=1.0) for i in range(20)
    )
    text = " ".join(word.word for word in words)
    parsed = list(srt.parse(to_srt([final(text, 0, 10, words)])))
    assert len(parsed) == 3
    assert parsed[1].start.total_seconds() == 4.0
    assert " ".join(cue.content.replace("\n", " ") for cue in parsed) == text


def test_text_and_json_hold_every_final() -> None:
    finals = [final("one"), final("two", 2, 3)]
    assert to_text(finals) == "one\ntwo\n"
    assert [caption["text"] for caption in orjson.loads(to_json(finals))] == ["one", "two"]


def test_a_word_longer_than_two_lines_is_broken() -> None:
    assert all(len(cue.lines) <= LINES for cue in cues([final("x" * 500, 0, 9)]))


texts = st.text(max_size=300)
times = st.lists(st.integers(0, 3_000_000), min_size=2, max_size=12, unique=True).map(sorted)


@given(st.data(), times)
def test_any_finals_give_files_that_parse(data: st.DataObject, millis: list[int]) -> None:
    spans = zip(millis[::2], millis[1::2], strict=False)
    finals = [final(data.draw(texts), a / 1000, b / 1000) for a, b in spans]
    expected = cues(finals)
    assert all(len(cue.lines) <= LINES for cue in expected)
    assert all(len(line) <= LINE_CHARACTERS for cue in expected for line in cue.lines)
    assert all(a.end <= b.start for a, b in itertools.pairwise(expected))
    assert len(parse_vtt(to_webvtt(finals))) == len(expected)
    assert len(list(srt.parse(to_srt(finals)))) == len(expected)
