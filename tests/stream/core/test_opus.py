"""Opus packets come out of a recording whole and in order, however it was cut; the rest is told."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.core.errors import Malformed
from stream.core.opus import HEADERS_BYTES, OpusPackets, Packet, samples_of
from stream.core.webm import Element
from tests.support.opus import element, head, page

BEGINS = 2
TWENTY_MS = b"\x78"
OPEN_END = b"\x01\xff\xff\xff\xff\xff\xff\xff"

packets = st.lists(
    st.integers(0, 1_000).map(lambda size: TWENTY_MS + b"x" * size), min_size=1, max_size=12
)
cuts = st.lists(st.integers(0, 20_000), max_size=20)


def ogg(audio: list[bytes], skip: int = 0) -> bytes:
    begin = page([head(skip=skip)], flags=BEGINS)
    return b"".join([begin, page([b"OpusTags"]), *(page([data]) for data in audio)])


def track(number: int, codec: bytes, private: bytes) -> bytes:
    return element(
        Element.TRACK,
        element(Element.TRACK_NUMBER, bytes([number]))
        + element(Element.CODEC, codec)
        + element(Element.CODEC_PRIVATE, private),
    )


def webm(audio: list[bytes], *tracks: bytes) -> bytes:
    """As a browser writes it: segment and clusters have no size; a film runs beside the sound."""
    own = (track(1, b"V_VP8", b""), track(2, b"A_OPUS", head()))
    blocks = [
        element(Element.SIMPLE_BLOCK, b"\x81\0\0\0a picture")
        + element(Element.BLOCK_GROUP, element(Element.BLOCK, b"\x82\0\0\0" + data))
        for data in audio
    ]
    return b"".join(
        [
            element(0x1A45DFA3, b"anything"),
            b"\x18\x53\x80\x67" + OPEN_END,
            element(0xEC, b"void" * 100),
            element(Element.TRACKS, b"".join(tracks or own)),
            b"\x1f\x43\xb6\x75" + OPEN_END,
            *blocks,
        ]
    )


def feed(recording: bytes, borders: list[int]) -> list[Packet]:
    reader = OpusPackets()
    cut = sorted({0, *(border for border in borders if border < len(recording)), len(recording)})
    return [found for begin, end in pairwise(cut) for found in reader.feed(recording[begin:end])]


@given(packets, cuts)
def test_any_cutting_of_ogg_gives_its_packets(audio: list[bytes], borders: list[int]) -> None:
    assert [found.data for found in feed(ogg(audio), borders)] == audio


@given(packets, cuts)
def test_any_cutting_of_webm_gives_its_sound(audio: list[bytes], borders: list[int]) -> None:
    assert [found.data for found in feed(webm(audio), borders)] == audio


@given(st.binary(max_size=400), cuts)
def test_garbage_is_told_or_gives_nothing(garbage: bytes, borders: list[int]) -> None:
    for begin in (b"", ogg([TWENTY_MS]), webm([TWENTY_MS])):
        try:
            found = feed(begin + garbage, borders)
        except Malformed:
            continue
        assert all(packet.samples <= 5_760 for packet in found)


@given(st.integers(0, 400))
def test_a_truncated_recording_gives_what_is_there(size: int) -> None:
    for whole in (ogg([TWENTY_MS] * 5), webm([TWENTY_MS] * 5)):
        assert feed(whole[:size], []) == feed(whole, [])[: len(feed(whole[:size], []))]


def test_a_packet_may_go_on_over_pages() -> None:
    long = TWENTY_MS + b"y" * 509
    begin = page([head()], flags=BEGINS) + page([b"OpusTags"])
    first = page([long[:255]])
    whole = first[:26] + b"\x01\xff" + first[29:]
    rest = page([long[255:]], flags=1)
    assert [found.data for found in feed(begin + whole + rest, [])] == [long]


def test_what_lies_before_the_recording_is_skipped_once() -> None:
    found = feed(ogg([TWENTY_MS] * 3, skip=1_000), [])
    assert [(packet.samples, packet.skip) for packet in found] == [(960, 960), (960, 40), (960, 0)]


def test_a_chain_goes_on_with_its_next_stream() -> None:
    chain = ogg([TWENTY_MS]) + page([head()], flags=BEGINS, serial=b"next")
    chain += page([TWENTY_MS + b"!"], serial=b"next") + page([TWENTY_MS + b"?"])
    assert [found.data for found in feed(chain, [])] == [TWENTY_MS, TWENTY_MS + b"!"]


@pytest.mark.parametrize(
    ("data", "samples"),
    [
        (b"", 0),
        (b"\x00", 480),
        (b"\x18", 2_880),
        (b"\x19", 5_760),
        (b"\x78", 960),
        (b"\x83\x04", 480),
        (b"\x83", 0),
        (b"\x1b\x03", 0),
    ],
)
def test_a_packets_length_is_in_its_first_bytes(data: bytes, samples: int) -> None:
    assert samples_of(data) == samples


FLOOD = element(0xEC, bytes(1_000)) * (HEADERS_BYTES // 1_000 + 1)


@pytest.mark.parametrize(
    ("recording", "told"),
    [
        (b"RIFF\0\0\0\0WAVEfmt ", "audio is RIFF (WAV), expected Opus in Ogg or WebM"),
        (b"\0\0\0\x1cftypisom", "audio is MP4,"),
        (b"complete nonsense", "audio is begun by 63 6f 6d 70,"),
        (page([b"\x01vorbis"], flags=BEGINS) + page([b"x"]), "ogg is without Opus, with Vorbis"),
        (page([head(family=1)], flags=BEGINS), "of mapping family 1"),
        (page([b"OpusHead"], flags=BEGINS), "OpusHead is 8 bytes"),
        (ogg([TWENTY_MS]) + b"Oggs", "ogg page is begun by b'Oggs'"),
        (webm([], track(1, b"V_VP9", b"")), "webm is with tracks V_VP9, expected a track A_OPUS"),
        (webm([TWENTY_MS], track(2, b"A_OPUS", b"")), "audio is without an OpusHead"),
        (webm([]) + b"\x00", "webm is 0x00 where a number begins"),
        (webm([]) + b"\xec" + OPEN_END, "webm element is 0xec of unknown size"),
        (webm([]) + b"\xa3" + (1 << 56 | 70_000).to_bytes(8), "0xa3 of 70000 bytes"),
        (webm([]) + element(Element.SIMPLE_BLOCK, b"\x82\0\0\x02laced"), "webm block is laced"),
        (element(0x1A45DFA3, b"") + FLOOD, "bytes without an OpusHead"),
    ],
)
def test_what_it_is_not_is_named(recording: bytes, told: str) -> None:
    with pytest.raises(Malformed) as caught:
        feed(recording, [])
    assert told in str(caught.value)
