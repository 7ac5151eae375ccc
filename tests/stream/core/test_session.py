"""A conversation: what each frame leads to, and that no frame breaks it."""

import json
from collections.abc import Iterable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.core.access import EVERYTHING, Permissions, permissions_of
from stream.core.errors import CloseCode
from stream.core.messages import Error, Pong
from stream.core.session import (
    Ask,
    CloseConnection,
    Effect,
    EndAudio,
    Leave,
    Listen,
    PutAudio,
    Send,
    Session,
    SessionLimits,
    StartAudio,
)
from stream.core.wire import BINARY_LIMIT_BYTES, TEXT_LIMIT_BYTES

LIMITS = SessionLimits()


def make_session(permissions: Permissions = EVERYTHING, limits: SessionLimits = LIMITS) -> Session:
    return Session(permissions, limits, 0.0, lambda bits: 7)


def say(session: Session, now: float = 0.0, **fields: Any) -> list[Effect]:
    return session.receive(orjson.dumps(fields).decode(), now)


def error_in(effects: Iterable[Effect]) -> Error:
    (error,) = (
        effect.message
        for effect in effects
        if isinstance(effect, Send) and isinstance(effect.message, Error)
    )
    return error


def close_code(effects: Iterable[Effect]) -> CloseCode | None:
    codes = [effect.error.close for effect in effects if isinstance(effect, CloseConnection)]
    return codes[0] if codes else None


def test_a_subscription_is_passed_on() -> None:
    session = make_session()
    (effect,) = say(session, type="subscribe", channel="demo", id="1")
    assert isinstance(effect, Listen)
    assert effect.request.channel == "demo"
    assert effect.moderator
    assert session.channels == {"demo"}
    (effect,) = say(session, type="unsubscribe", channel="demo")
    assert isinstance(effect, Leave)
    assert session.channels == set()


def test_only_a_moderator_is_one() -> None:
    session = make_session(permissions_of({"channels": {"*": ["subscribe"]}}))
    (effect,) = say(session, type="subscribe", channel="demo")
    assert isinstance(effect, Listen)
    assert not effect.moderator


def test_a_ping_is_answered() -> None:
    assert say(make_session(), type="ping", id="p") == [Send(Pong(id="p"))]


def test_audio_goes_from_open_to_close() -> None:
    session = make_session()
    (opened,) = say(session, 2.0, type="open", channel="demo", sample_rate=48_000)
    assert isinstance(opened, StartAudio)
    assert opened.epoch == "0000000007d000000007"
    assert session.receive(b"\0\1", 2.0) == [PutAudio(b"\0\1")]
    (ended,) = say(session, type="close", channel="demo", id="c")
    assert isinstance(ended, EndAudio)
    assert ended.request is not None
    assert session.open is None


def test_each_open_is_an_epoch_of_its_own() -> None:
    session = make_session()
    epochs = []
    for now in (1.0, 2.0):
        (opened,) = say(session, now, type="open", channel="demo")
        assert isinstance(opened, StartAudio)
        epochs.append(opened.epoch)
        say(session, now, type="close", channel="demo")
    assert epochs == sorted(set(epochs))


def test_a_peer_that_leaves_ends_its_audio() -> None:
    session = make_session()
    say(session, type="open", channel="demo")
    assert session.leave() == [EndAudio(None)]
    assert session.leave() == []
    assert say(session, type="ping") == []


@pytest.mark.parametrize("size", [0, 1, 3, 641])
def test_half_a_sample_is_named_and_nothing_is_lost(size: int) -> None:
    session = make_session()
    say(session, type="open", channel="demo")
    effects = session.receive(bytes(size), 0.0)
    assert error_in(effects).message == f"chunk is {size} bytes, expected an even number above 0"
    assert close_code(effects) is None
    assert session.receive(b"\0\0", 0.0) == [PutAudio(b"\0\0")]


def test_pieces_of_a_recording_may_be_odd() -> None:
    session = make_session()
    say(session, type="open", channel="demo", encoding="opus")
    assert session.receive(b"OggS\0", 0.0) == [PutAudio(b"OggS\0")]
    assert error_in(session.receive(b"", 0.0)).message.startswith("chunk is 0 bytes")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"type": "close", "channel": "demo"}, "channel is not open, expected demo to be open"),
        ({"type": "open", "channel": "demo", "encoding": "mp3"}, "encoding is 'mp3'"),
        ({"type": "open", "channel": "demo", "sample_rate": 7_999}, "sample_rate is 7999"),
        ({"type": "gate", "id": "1", "channel": "demo"}, "text is missing"),
        ({"type": "gate", "id": "1", "channel": "a b", "text": ""}, "channel is 'a b'"),
        ({"type": "gate", "id": "1", "channel": "a", "text": "", "budget_ms": 9}, "budget_ms is 9"),
        ({"type": "gate", "id": "1", "channel": "a", "text": "", "budget_ms": 60_001}, "60001"),
        ({"type": "subscribe", "channel": "a", "kind": "captions"}, "kind"),
        ({"type": "sing"}, "type is 'sing'"),
        ({}, "type is missing"),
        ({"type": "ping", "id": 5}, "id is 5"),
    ],
)
def test_what_is_malformed_is_named_and_the_connection_goes_on(
    fields: dict[str, Any], told: str
) -> None:
    session = make_session()
    effects = say(session, **fields)
    assert told in error_in(effects).message
    assert close_code(effects) is None
    assert say(session, type="ping") == [Send(Pong(id=None))]


def test_an_error_carries_the_id_of_what_was_asked() -> None:
    effects = say(make_session(), type="gate", id="mine", channel="demo")
    assert error_in(effects).id == "mine"


@pytest.mark.parametrize("frame", ["", "{", "nonsense", "[]", "7", "null", '"text"'])
def test_what_cannot_be_understood_ends_the_conversation(frame: str) -> None:
    session = make_session()
    effects = session.receive(frame, 0.0)
    assert error_in(effects).code == "unreadable"
    assert close_code(effects) is CloseCode.POLICY
    assert say(session, type="ping") == []


def test_binary_without_open_ends_the_conversation() -> None:
    effects = make_session().receive(b"\0\0", 0.0)
    assert error_in(effects).message == "frame is binary, expected text, or an open before it"
    assert close_code(effects) is CloseCode.POLICY


def test_too_much_at_once_ends_the_conversation() -> None:
    effects = make_session().receive("x" * (TEXT_LIMIT_BYTES + 1), 0.0)
    assert close_code(effects) is CloseCode.TOO_BIG
    session = make_session()
    say(session, type="open", channel="demo")
    effects = session.receive(bytes(BINARY_LIMIT_BYTES + 2), 0.0)
    assert effects[0] == EndAudio(None)
    assert error_in(effects).code == "too_big"
    assert close_code(effects) is CloseCode.TOO_BIG


def test_one_open_a_connection() -> None:
    session = make_session()
    say(session, type="open", channel="demo")
    assert "channel demo is open" in error_in(say(session, type="open", channel="other")).message
    assert session.open is not None
    assert session.open.channel == "demo"


def test_the_channels_of_a_connection_are_bounded() -> None:
    session = make_session()
    for number in range(64):
        assert isinstance(say(session, type="subscribe", channel=f"c{number}")[0], Listen)
    assert error_in(say(session, type="subscribe", channel="one-more")).code == "refused"
    assert isinstance(say(session, type="subscribe", channel="c0")[0], Listen)
    say(session, type="unsubscribe", channel="c0")
    assert isinstance(say(session, type="subscribe", channel="one-more")[0], Listen)


@pytest.mark.parametrize(
    ("right", "fields"),
    [
        ("subscribe", {"type": "subscribe", "channel": "demo"}),
        ("publish", {"type": "open", "channel": "demo"}),
        ("gate", {"type": "gate", "id": "1", "channel": "demo", "text": "hi"}),
        ("translate", {"type": "translate", "id": "1", "text": "hi", "target": "de"}),
        ("moderate", {"type": "decide", "channel": "demo", "post": "p", "action": "allow"}),
        ("moderate", {"type": "configure", "channel": "demo", "filter": "mask"}),
    ],
)
def test_each_wish_needs_its_right(right: str, fields: dict[str, Any]) -> None:
    allowed = make_session(permissions_of({"channels": {"demo": [right]}}))
    assert isinstance(say(allowed, **fields)[0], Listen | StartAudio | Ask)
    refused = make_session(permissions_of({"channels": {"other": ["publish"]}}))
    effects = say(refused, **fields)
    assert error_in(effects).code == "not_allowed"
    assert close_code(effects) is None


def test_too_many_messages_end_the_conversation() -> None:
    session = make_session(limits=SessionLimits(messages_per_s=1, messages_burst=2))
    assert close_code(say(session, type="ping") + say(session, type="ping")) is None
    assert close_code(say(session, type="ping")) is CloseCode.TOO_MANY


def test_too_many_bytes_end_the_conversation() -> None:
    session = make_session(limits=SessionLimits(bytes_per_s=100, bytes_burst=100))
    assert close_code(session.receive("x" * 101, 0.0)) is CloseCode.TOO_MANY


def test_too_many_errors_end_the_conversation() -> None:
    session = make_session(limits=SessionLimits(errors_burst=3))
    assert close_code([each for _ in range(3) for each in say(session, type="sing")]) is None
    assert close_code(say(session, type="sing")) is CloseCode.TOO_MANY


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=4,
)
TYPES = "subscribe unsubscribe open close gate decide configure translate ping sing".split()
FIELDS = "id channel kinds since text post budget_ms sample_rate policy target action".split()
GOOD = {
    "channel": st.sampled_from(["demo", "other"]),
    "id": st.sampled_from(["1", "2"]),
    "text": st.text(max_size=5),
    "target": st.just("de"),
    "post": st.just("p"),
    "action": st.sampled_from(["allow", "block"]),
}


@st.composite
def messages(draw: st.DrawFn) -> str:
    fields = {"type": draw(st.sampled_from(TYPES))}
    fields |= draw(st.fixed_dictionaries({}, optional=GOOD))
    fields |= draw(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=1))
    return json.dumps(fields)


FRAMES = messages() | st.text(max_size=60) | st.binary(max_size=60) | JSON.map(json.dumps)


@given(st.lists(FRAMES, max_size=12))
def test_no_frame_breaks_a_session(frames: list[str | bytes]) -> None:
    """Whatever comes, it raises nothing and the effects tell one sound story."""
    session, is_open, ended = make_session(), False, False
    for frame in frames:
        for effect in session.receive(frame, 0.0):
            assert not ended
            match effect:
                case StartAudio():
                    assert not is_open
                    is_open = True
                case PutAudio(piece=pcm):
                    assert is_open
                    assert pcm
                    assert len(pcm) % 2 == 0
                case EndAudio():
                    assert is_open
                    is_open = False
                case CloseConnection(error=error):
                    assert error.close is not None
                    ended = True
    assert len(session.channels) <= 64
    assert session.ended is ended
    assert (session.open is not None) is is_open
