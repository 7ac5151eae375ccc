"""Frames between a worker and its engine: what goes in comes out, and nothing is believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.core.errors import EngineError, EngineLost
from stream.core.messages import Rung, Word
from workers.engines.codec import (
    FRAME_LIMIT_BYTES,
    HEADER_BYTES,
    Answers,
    Failed,
    Forget,
    Ready,
    Reply,
    Request,
    Run,
    Unfit,
    decode_length,
    decode_reply,
    decode_request,
    encode_frame,
)
from workers.ports import Audio, Card, Heard, Hypothesis, Judge, Render, Rendered, Scored

WORD = Word(word="naïve", start=0.5, end=1.0, confidence=0.25)
SAID = Hypothesis(start=0, end=512, text="naïve", stable=5, words=(WORD,), final=True, ended=512)
QUESTIONS = (
    Audio(stream="c/1", start=512, pcm=bytes(range(256)), fresh=True, hotwords=("a",)),
    Judge(text="hello", words=("b",)),
    Render(text="hello", source="en", target="de", glossary={"a": "b"}),
)
ANSWERS = (
    Heard(hypotheses=(SAID,), upto=512, settled=0),
    Scored(labels={"toxic": 0.5}, reasons=("so",)),
    Rendered(text="hallo"),
)


@pytest.mark.parametrize("request_", [Run(1, Rung.DRAFT, QUESTIONS), Forget("c/1")])
def test_a_request_comes_out_as_it_went_in(request_: Request) -> None:
    frame = bytes(encode_frame(request_))
    assert decode_length(frame[:HEADER_BYTES]) == len(frame) - HEADER_BYTES
    assert decode_request(frame[HEADER_BYTES:]) == request_


@pytest.mark.parametrize(
    "reply",
    [
        Ready(Card(name="x", task="captions", rungs=(Rung.DRAFT,))),
        Unfit("no", missing=True),
        Answers(1, ANSWERS),
        Failed(1, "no"),
    ],
)
def test_a_reply_comes_out_as_it_went_in(reply: Reply) -> None:
    assert decode_reply(bytes(encode_frame(reply))[HEADER_BYTES:]) == reply


@given(st.binary(max_size=64))
def test_nonsense_is_a_lost_engine(payload: bytes) -> None:
    with pytest.raises(EngineLost):
        decode_reply(payload)


def test_a_frame_over_its_limit_is_neither_sent_nor_awaited() -> None:
    with pytest.raises(EngineError, match="expected at most"):
        encode_frame(Forget("x" * (FRAME_LIMIT_BYTES + 1)))
    with pytest.raises(EngineLost, match="expected at most"):
        decode_length((FRAME_LIMIT_BYTES + 1).to_bytes(HEADER_BYTES, "big"))
