"""Captions pass the channel's filter before anybody sees them."""

from __future__ import annotations

from msgspec import UNSET
from msgspec.structs import replace

from stream.core.messages import Caption, Word
from stream.core.policies import Book, Entry, Filter, Policy, PolicyChange, WordList
from stream.core.records import Settings
from stream.core.settings import ChannelSettings
from workers.filtering import CHANNELS, CaptionFilter, book_of, filtered, shipped


def caption(text: str, segment: str = "e-0", *, final: bool = False, **fields: str) -> Caption:
    return Caption(
        segment=segment,
        revision=1,
        text=text,
        stable=len(text),
        final=final,
        start=0.0,
        end=1.0,
        audio_end=1.0,
        words=(Word(word=text, start=0.0, end=1.0, confidence=1.0),),
        budget_ms=200,
        **({"channel": "news"} | fields),  # type: ignore[arg-type]
    )


def filtering(mode: Filter, *words: str) -> tuple[CaptionFilter, ChannelSettings]:
    settings = ChannelSettings()
    policy = PolicyChange(words=words)
    settings.put(Settings(channel="news", filter=mode, policy=policy))
    return CaptionFilter(settings), settings


def test_without_a_filter_a_caption_stays_the_very_same() -> None:
    said = caption("shit happens")
    assert CaptionFilter(ChannelSettings()).apply(said) is said


def test_the_channels_words_and_the_shipped_ones_are_masked() -> None:
    found = filtering("mask", "frog")[0].apply(caption("shit frog", final=True))
    assert (found.text, found.flags) == ("**** ****", ("offensive", "words"))
    assert found.words[0].word == "**** ****"


def test_a_caption_without_a_listed_word_has_no_flags() -> None:
    found = filtering("mask")[0].apply(caption("good evening", final=True))
    assert (found.text, found.flags) == ("good evening", UNSET)


def test_the_file_gives_the_filter_of_channels_that_set_none() -> None:
    settings = ChannelSettings()
    settings.put(Book(defaults=Entry(filter="drop")))
    assert CaptionFilter(settings).apply(caption("oh shit", final=True)).text == "oh"


def test_a_change_counts_from_the_next_segment_on() -> None:
    filter_, settings = filtering("mask")
    assert filter_.apply(caption("shit")).text == "****"
    settings.put(Settings(channel="news", filter="off"))
    assert filter_.apply(caption("shit happens")).text == "**** happens"
    assert filter_.apply(caption("shit", "e-9")).text == "shit"


def test_a_caption_is_held_against_its_own_languages_list() -> None:
    filter_, _ = filtering("mask", "frog")
    assert filter_.apply(caption("Arschloch frog", language="de-AT")).text.startswith("*********")
    assert filter_.apply(caption("shit frog", "e-1", channel="other")).text == "shit frog"
    assert shipped("xx") == ()
    assert "bitte" not in shipped("fr")


def test_exceptions_hold_for_captions_too() -> None:
    lists = (WordList(name="house", words=("frog",), exceptions=("frog prince",)),)
    book = book_of(Policy(lists=lists), "en")
    found = filtered(caption("the frog prince met a frog", final=True), "mask", book)
    assert (found.text, found.flags) == ("the frog prince met a ****", ("house",))


def test_what_is_remembered_of_channels_is_bounded() -> None:
    filter_ = CaptionFilter(ChannelSettings())
    for number in range(CHANNELS + 5):
        filter_.apply(caption("x", channel=f"c{number}"))
    assert len(filter_._held) == CHANNELS


def test_a_mask_does_not_flicker_within_a_segment() -> None:
    screened = filtering("mask", "frog")[0]
    said = [replace(caption(text), stable=0) for text in ("a frog", "a fog", "a frog")]
    assert [screened.apply(each).text for each in said] == ["a ****", "a ***", "a ****"]
    assert screened.apply(replace(caption("a fog", "e-1"), stable=0)).text == "a fog"
