from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.core.cursor import Cursor, Offsets, decode_cursor, encode_cursor, shorten_identity
from stream.core.errors import Malformed

NUMBERS = st.integers(0, 2**64 - 1)
OFFSETS = st.builds(Offsets, NUMBERS, NUMBERS, NUMBERS)
CURSORS = st.builds(Cursor, st.binary(min_size=6, max_size=6), st.integers(0, 2**32 - 1), OFFSETS)


@given(CURSORS)
def test_a_cursor_comes_back_from_a_short_string(cursor: Cursor) -> None:
    text = encode_cursor(cursor)
    assert len(text) <= 128
    assert text.isascii()
    assert decode_cursor(text) == cursor


@given(st.text(max_size=128) | st.text("ABab01-_=", min_size=44, max_size=50))
def test_any_text_is_a_cursor_or_malformed(text: str) -> None:
    try:
        decode_cursor(text)
    except Malformed as error:
        told = str(error)
    else:
        told = "since"
    assert told.startswith("since")
    assert told.isascii()


def test_a_cursor_of_another_version_is_malformed() -> None:
    text = encode_cursor(Cursor(bytes(6), 0, Offsets()))
    with pytest.raises(Malformed, match=r"since is '_.*, expected a cursor that this service gave"):
        decode_cursor("_" + text[1:])


def test_buses_have_different_short_identities() -> None:
    assert shorten_identity("one") != shorten_identity("two")
    assert len(shorten_identity("one")) == 6


@given(OFFSETS, OFFSETS)
def test_a_merge_covers_both(one: Offsets, other: Offsets) -> None:
    merged = one.merge(other)
    assert merged.covers(one)
    assert merged.covers(other)
    assert merged == other.merge(one)
