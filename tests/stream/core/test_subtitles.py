"""Finals become files that independent parsers read, with every word in them."""

from __future__ import annotations

import html
import io

import msgspec
import orjson
import srt
import webvtt
from hypothesis import given
from hypothesis import strategies as st

from stream.core.messages import Caption, Rung, Translation, Word
from stream.core.subtitles import cues, to_json, to_srt, to_text, to_webvtt


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


def spoken(text: str, word_s: float = 0.5) -> Caption:
    words = tuple(
        Word(word=word, start=at * word_s, end=at * word_s + 0.4, confidence=1.0)
        for at, word in enumerate(text.split())
    )
    return final(text, 0.0, len(words) * word_s, words)


def parse_vtt(text: str) -> list[webvtt.Caption]:
    return list(webvtt.from_buffer(io.StringIO(text)).captions)


def parse_srt(text: str) -> list[srt.Subtitle]:
    return list(srt.parse(text))


def squeeze(text: str) -> str:
    """What is printed of a text, without its spaces."""
    return "".join(c for c in text if c.isprintable() and not c.isspace())


def test_a_final_becomes_a_cue_with_its_times() -> None:
    (cue,) = parse_vtt(to_webvtt([final("good evening", 3661.5, 3663.25)]))
    assert (cue.start, cue.end, cue.text) == ("01:01:01.500", "01:01:03.250", "good evening")
    (subtitle,) = parse_srt(to_srt([final("good evening", 3661.5, 3663.25)]))
    assert (subtitle.start.total_seconds(), subtitle.end.total_seconds()) == (3661.5, 3663.25)


def test_a_file_without_finals_is_a_file() -> None:
    assert to_webvtt([]).startswith("WEBVTT\n")
    assert parse_srt(to_srt([])) == []
    assert (to_text([]), to_json([])) == ("", b"[]")


def test_markup_is_escaped_in_webvtt() -> None:
    assert "a &lt;b&gt; &amp; --&gt; c" in to_webvtt([final("a <b> & --> c")])


def test_no_player_finds_markup_in_srt() -> None:
    (subtitle,) = parse_srt(to_srt([final("a <b>c</b> {\\an8} --> & d")]))
    assert subtitle.content == "a ‹b›c‹/b› (\\an8) → & d"


def test_a_long_final_is_split_at_word_times() -> None:
    caption = spoken("seventeen " * 20)
    parsed = parse_srt(to_srt([caption]))
    assert len(parsed) == 3
    starts = [subtitle.start.total_seconds() for subtitle in parsed]
    assert set(starts) <= {word.start for word in caption.words}
    assert " ".join(cue.content.replace("\n", " ") for cue in parsed).split() == ["seventeen"] * 20


def test_a_text_that_was_masked_stays_masked() -> None:
    caption = msgspec.structs.replace(spoken("what a damned day"), text="what a ****** day")
    assert "damned" not in to_webvtt([caption])
    assert "******" in to_srt([caption])


def test_translations_are_subtitles_too() -> None:
    translated = Translation(
        channel="c",
        text="Guten Abend",
        start=1.0,
        end=2.5,
        language="de",
        rung=Rung.DRAFT,
        budget_ms=300,
    )
    (cue,) = parse_vtt(to_webvtt([translated]))
    assert (cue.start, cue.text) == ("00:00:01.000", "Guten Abend")


def test_text_and_json_hold_every_final() -> None:
    finals = [final("one"), final("two", 2, 3)]
    assert to_text(finals) == "one\ntwo\n"
    assert [caption["text"] for caption in orjson.loads(to_json(finals))] == ["one", "two"]


texts = st.text(max_size=300)
times = st.lists(st.integers(0, 3_000_000), min_size=2, max_size=12, unique=True).map(sorted)


@given(st.data(), times)
def test_any_finals_give_files_that_parse(data: st.DataObject, millis: list[int]) -> None:
    spans = zip(millis[::2], millis[1::2], strict=False)
    finals = [final(data.draw(texts), a / 1000, b / 1000) for a, b in spans]
    expected = cues(finals)
    vtt, subtitles = parse_vtt(to_webvtt(finals)), parse_srt(to_srt(finals))
    assert len(vtt) == len(subtitles) == len(expected)
    told = squeeze("".join(final.text for final in finals))
    assert squeeze("".join(html.unescape(cue.raw_text) for cue in vtt)) == told
    if not set("<>{}") & set(told):
        assert squeeze("".join(subtitle.content for subtitle in subtitles)) == told
