from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.core import wire
from stream.core.errors import CloseCode, Malformed, TooBig, Unreadable
from stream.core.messages import Message, Subscribed
from stream.core.policies import Book, Bounds, Entry, Labels, PolicyChange
from stream.core.records import (
    AudioChunk,
    Claim,
    Log,
    Origin,
    PostJob,
    Progress,
    Record,
    Result,
    Settings,
    TextJob,
    Topic,
)
from stream.core.requests import ClientMessage, Configure, Gate, Ping, Subscribe
from tests.support.facts import CHANNEL, caption, origin, post, raw_record, record, translation

LOG = Log(Topic.CAPTIONS, 0)


@pytest.mark.parametrize(
    "request_",
    [
        Ping(),
        Ping(id="é"),
        Subscribe(channel="a", kinds=("posts",), languages=("de",), since="x", partials=False),
        Gate(id="1", channel="a", text="💥", publish=True),
        Configure(channel="a", glossary={"a": "b"}, policy=PolicyChange(words=("x",))),
    ],
)
def test_requests_come_back(request_: ClientMessage) -> None:
    assert wire.decode_request(wire.encode_request(request_)) == request_


@pytest.mark.parametrize(
    "message",
    [
        caption(),
        translation(final=True),
        post(),
        Subscribed(id=None, channel="a", cursor="", recovered=True),
    ],
)
def test_messages_come_back(message: Message) -> None:
    assert wire.decode_message(wire.encode_message(message)) == message


@pytest.mark.parametrize(
    "result",
    [caption(), Claim(owner="w"), Progress(channel="a", epoch="e", audio_end=1.5, over=True)],
)
def test_results_come_back_with_their_origin(result: Result) -> None:
    said_by = Origin(owner="w", arrived=1.7e9 + 0.123456, budget_ms=200, to="g", settled=4)
    assert wire.decode_result(record(result, LOG, 0, said_by)) == (result, said_by)


def test_audio_jobs_and_settings_come_back() -> None:
    chunk = AudioChunk(
        channel=CHANNEL,
        epoch="e",
        start=320,
        pcm=b"\1\2",
        arrived=1.5,
        budget_ms=200,
        translate=("de", "fr"),
        last=True,
    )
    assert wire.decode_audio(raw_record(*wire.encode_audio(chunk), LOG, 0)) == chunk
    judged = PostJob(id="1", channel="a", text="t", arrived=1.5, budget_ms=100)
    assert wire.decode_post(raw_record(*wire.encode_job(judged), LOG, 0)) == judged
    text = TextJob(
        id="1", channel="a", text="t", source="en", target="de", arrived=1.0, budget_ms=9
    )
    assert wire.decode_text(raw_record(*wire.encode_job(text), LOG, 0)) == text
    stands = Settings(channel="a", hotwords=("x",), policy=PolicyChange(late="block"))
    assert wire.decode_settings(raw_record(*wire.encode_settings(stands), LOG, 0)) == stands
    labels = Labels(threat=Bounds(review=0.3))
    book = Book(entries=(Entry(match="a-*", filter="mask", policy=PolicyChange(labels=labels)),))
    read = raw_record(*wire.encode_book(book), LOG, 0, key=wire.BOOK)
    assert wire.decode_settings(read) == book


REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({}, "type is missing, expected one of close, configure, decide, gate, open, ping, "),
    ({"type": "x"}, "type is 'x', expected one of close, configure, "),
    ({"type": 1}, "type is 1, expected one of close, configure, "),
    ({"type": "ping", "id": 5}, "id is 5, expected a string of 1 to 128 characters"),
    ({"type": "ping", "idd": "x"}, "idd is unknown, expected one of id"),
    ({"type": "ping", "é`\n": 1}, r"\xe9`\n is unknown, expected one of id"),
    ({"type": "subscribe"}, "channel is missing, expected a string that matches ^[A-Za-z0-9]"),
    (
        {"type": "subscribe", "channel": "a b"},
        "channel is 'a b', expected a string that matches ^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$",
    ),
    (
        {"type": "subscribe", "channel": "a", "kinds": ["posts", "x"]},
        "kinds[1] is 'x', expected one of captions, posts, reviews, translations",
    ),
    (
        {"type": "subscribe", "channel": "a", "kinds": "posts"},
        "kinds is 'posts', expected an array of at most 4, each one of captions, ",
    ),
    (
        {"type": "subscribe", "channel": "a", "partials": 1},
        "partials is 1, expected true or false",
    ),
    (
        {"type": "gate", "channel": "a", "text": "x"},
        "id is missing, expected a string of 1 to 128 characters",
    ),
    (
        {"type": "gate", "id": "1", "channel": "a", "text": "x", "budget_ms": 9},
        "budget_ms is 9, expected an integer from 10 to 60000",
    ),
    (
        {"type": "gate", "id": "1", "channel": "a", "text": "x" * 16_001},
        f"text is '{'x' * 79}... (16001 characters), expected a string of at most 16000 characters",
    ),
    (
        {"type": "decide", "channel": "a", "post": "p", "action": "review"},
        "action is 'review', expected one of allow, block",
    ),
    (
        {"type": "configure", "channel": "a", "policy": {"foo": 1}},
        "policy.foo is unknown, expected one of late, degraded, fail_closed, review, ",
    ),
    (
        {"type": "configure", "channel": "a", "policy": {"review": 4}},
        "policy.review is 4, expected a number from 0 to 1",
    ),
    (
        {"type": "configure", "channel": "a", "policy": []},
        "policy is [], expected an object with late, degraded, fail_closed, review, block, ",
    ),
    (
        {"type": "configure", "channel": "a", "policy": {"labels": {"toxik": {"review": 0.2}}}},
        "policy.labels.toxik is unknown, expected one of toxic, offensive, hate, sexist, ",
    ),
    (
        {"type": "configure", "channel": "a", "policy": {"lists": [{"name": "a", "words": [""]}]}},
        "policy.lists[0].words[0] is '', expected a string of 1 to 100 characters",
    ),
    (
        {"type": "configure", "channel": "a", "glossary": {"a": "b", "c": 4}},
        "glossary is 4, expected a string of 1 to 100 characters",
    ),
    (
        {"type": "configure", "channel": "a", "glossary": {"a": "b", "": "c"}},
        "key of glossary is '', expected a string of 1 to 100 characters",
    ),
]


@pytest.mark.parametrize(("found", "told"), REFUSALS)
def test_a_refusal_names_field_found_and_expected(found: dict[str, Any], told: str) -> None:
    with pytest.raises(Malformed) as refusal:
        wire.decode_request(orjson.dumps(found))
    assert str(refusal.value).startswith(told)
    assert refusal.value.close is None


@pytest.mark.parametrize("found", [b"", b"{", b"\xff", b"nan", "\ud800", b"[" * 5000])
def test_what_is_not_json_ends_the_conversation(found: bytes | str) -> None:
    with pytest.raises(Unreadable, match="expected JSON") as refusal:
        wire.decode_request(found)
    assert refusal.value.close is CloseCode.POLICY


@pytest.mark.parametrize(
    ("found", "kind"), [(b"[]", "array"), (b'"x"', "string"), (b"null", "null"), (b"1", "number")]
)
def test_only_an_object_is_a_message(found: bytes, kind: str) -> None:
    with pytest.raises(Unreadable, match=f"frame is JSON {kind}, expected a JSON object"):
        wire.decode_request(found)


def test_a_frame_over_its_size_is_too_big() -> None:
    with pytest.raises(TooBig, match="frame is 65537 bytes, expected at most 65536"):
        wire.decode_request(b" " * (wire.TEXT_LIMIT_BYTES + 1))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
TYPES = ["subscribe", "open", "gate", "decide", "configure", "translate", "ping", "nonsense"]
FIELDS = ["type", "channel", "id", "kinds", "policy", "glossary", "hotwords", "since", "text"]
NEARLY = st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6).flatmap(
    lambda fields: st.sampled_from(TYPES).map(lambda kind: {**fields, "type": kind})
)


@given(st.one_of(JSON, NEARLY))
def test_whatever_comes_is_taken_or_refused_in_bounded_ascii(found: Any) -> None:
    try:
        data = orjson.dumps(found)
    except TypeError:  # beyond 64 bits
        data = str(found).encode("utf-8", "surrogatepass")
    told = ""
    try:
        wire.decode_request(data)
    except Malformed as error:
        told = str(error)
    assert told.isascii()
    assert len(told) < 500


@given(
    st.binary(max_size=200),
    st.dictionaries(
        st.sampled_from(["owner", "arrived", "start", "epoch", "budget_ms", "settled"]),
        st.binary(max_size=8),
    ),
)
def test_no_record_raises_anything_else(value: bytes, headers: dict[str, bytes]) -> None:
    found = raw_record(value, headers, LOG, 0)
    for decode in (wire.decode_result, wire.decode_audio, wire.decode_post, wire.decode_settings):
        assert _is_malformed_or_read(decode, found)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("arrived", b"nan", "header arrived is 'nan', expected a number of at least 0"),
        ("arrived", b"inf", "header arrived is 'inf', expected a number of at least 0"),
        ("budget_ms", b"-1", "header budget_ms is '-1', expected a number of at least 0"),
        ("budget_ms", b"soon", "header budget_ms is 'soon', expected a number of at least 0"),
    ],
)
def test_headers_hold_sensible_numbers(name: str, value: bytes, told: str) -> None:
    payload = wire.encode_result(post(), origin())
    headers = {**payload.headers, name: value}
    with pytest.raises(Malformed) as refusal:
        wire.decode_result(raw_record(payload.value, headers, LOG, 0))
    assert str(refusal.value) == told


def test_a_missing_header_is_named() -> None:
    with pytest.raises(Malformed, match="header owner is missing, expected a value"):
        wire.decode_result(raw_record(b"{}", {}, LOG, 0))


def test_odd_audio_is_malformed() -> None:
    with pytest.raises(Malformed, match="chunk is 3 bytes, expected an even number above 0"):
        wire.decode_audio(raw_record(b"abc", {}, LOG, 0))


def test_the_id_of_what_could_not_be_decoded_is_found() -> None:
    assert wire.request_id(b'{"id": "7", "type": "x"}') == "7"
    for found in (b'{"id": 7}', b"[]", b"{", b'{"id": null}'):
        assert wire.request_id(found) is None


def test_a_dead_letter_says_where_from_and_why() -> None:
    letter = wire.dead_letter(raw_record(b"x", {"a": b"b"}, LOG, 9), ValueError("no"), 2)
    assert letter.value == b"x"
    assert letter.headers == {
        "a": b"b",
        "from": b"captions/0/9",
        "error": b"ValueError: no",
        "attempts": b"2",
    }


def _is_malformed_or_read(decode: Any, found: Record) -> bool:
    try:
        decode(found)
    except Malformed as error:
        return str(error).isascii()
    return True
