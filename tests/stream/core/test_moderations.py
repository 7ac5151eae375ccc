"""OpenAI's moderations: requests in each of its forms, and answers in its shape."""

from typing import Any

import orjson
import pytest

from stream.core.errors import EngineError, Malformed, TooMany
from stream.core.messages import Action, Rung, Verdict
from stream.core.moderations import (
    UNSUPPORTED,
    decode_moderation,
    encode_error,
    encode_moderation,
    scores_of,
)


@pytest.mark.parametrize(
    ("given", "texts"),
    [
        ("one", ("one",)),
        (["one", "two"], ("one", "two")),
        ([{"type": "text", "text": "one"}], ("one",)),
    ],
)
def test_each_form_of_input_is_understood(given: Any, texts: tuple[str, ...]) -> None:
    asked = decode_moderation(orjson.dumps({"input": given, "model": "omni", "user": "x"}))
    assert asked.texts == texts
    assert (asked.channel, asked.budget_ms) == ("api", 100)


def test_extra_fields_name_channel_and_budget() -> None:
    asked = decode_moderation(b'{"input": "a", "channel": "chat", "budget_ms": 50}')
    assert (asked.channel, asked.budget_ms) == ("chat", 50)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"nonsense", "body is"),
        (b"[]", "body is"),
        (b"{}", "input is missing"),
        (b'{"input": 7}', "input is 7"),
        (b'{"input": []}', "input"),
        (b'{"input": ["a", 7]}', "7"),
        (b'{"input": [{"type": "image_url", "image_url": {}}]}', "image_url"),
        (b'{"input": "a", "budget_ms": 5}', "budget_ms is 5"),
    ],
)
def test_other_requests_are_refused_by_name(body: bytes, told: str) -> None:
    with pytest.raises(Malformed, match=told):
        decode_moderation(body)


def test_labels_become_categories() -> None:
    scores = scores_of({"sexist": 0.6, "hate": 0.2, "toxic": 0.9, "threat": 0.7})
    assert scores["hate"] == 0.6
    assert scores["harassment"] == 0.9
    assert scores["harassment/threatening"] == 0.7
    assert scores["hate/threatening"] == 0.6
    assert all(scores[category] == 0.0 for category in UNSUPPORTED)


def test_an_answer_has_a_result_for_each_text() -> None:
    verdicts = [
        Verdict(id="1", channel="api", action=Action.BLOCK, labels={"hate": 0.95}, rung=Rung.DRAFT),
        Verdict(id="2", channel="api", action=Action.ALLOW, rung=Rung.REPEAT, degraded=True),
    ]
    answer = orjson.loads(encode_moderation("modr-1", verdicts, 0.5))
    assert answer["id"] == "modr-1"
    assert answer["unsupported"] == list(UNSUPPORTED)
    bad, good = answer["results"]
    assert bad["flagged"]
    assert bad["categories"]["hate"]
    assert bad["categories"]["violence"] is False
    assert bad["category_scores"]["hate"] == 0.95
    assert (bad["rung"], bad["late"], bad["degraded"]) == ("draft", False, False)
    assert not good["flagged"]
    assert good["degraded"]


def test_errors_have_openais_shape() -> None:
    told = orjson.loads(encode_error(Malformed("input", "7", "a string")))["error"]
    assert told == {
        "message": "input is 7, expected a string",
        "type": "invalid_request_error",
        "param": "input",
        "code": "malformed",
    }
    assert orjson.loads(encode_error(TooMany("x")))["error"]["type"] == "rate_limit_exceeded"
    assert orjson.loads(encode_error(EngineError("x")))["error"]["type"] == "server_error"
