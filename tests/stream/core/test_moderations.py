"""OpenAI's moderations: requests in each of its forms, and answers in its shape."""

from typing import Any

import orjson
import pytest

from stream.core.errors import EngineError, Malformed, TooMany
from stream.core.messages import Action, Rung, Verdict
from stream.core.moderations import (
    UNSUPPORTED,
    categories_of,
    decode_moderation,
    encode_error,
    encode_moderation,
    scores_of,
    unsupported_by,
)
from stream.core.policies import Bounds, Policy

THREATENING = ("hate/threatening", "harassment/threatening")


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


def test_a_category_holds_from_its_labels_own_bound_on() -> None:
    policy = Policy(labels={"threat": Bounds(review=0.2), "toxic": Bounds(review=0.95, block=1)})
    found = categories_of({"hate": 0.6, "toxic": 0.9, "threat": 0.3, "spam": 1.0}, policy)
    assert {name for name, holds in found.items() if holds} == {"hate", "hate/threatening"}
    assert set(found) == set(scores_of({}))


def test_categories_that_no_label_speaks_for_are_unsupported() -> None:
    assert set(unsupported_by({"offensive", "words"})) == {*UNSUPPORTED, "hate", *THREATENING}
    assert set(unsupported_by({"toxic", "hate", "threat"})) == set(UNSUPPORTED)
    assert set(unsupported_by(())) == set(UNSUPPORTED)


def test_several_texts_under_a_name_are_posts_of_their_own() -> None:
    one = decode_moderation(b'{"input": "a", "post": "p", "author": "ann", "publish": true}')
    assert (one.name_of(0), one.author, one.publish) == ("p", "ann", True)
    two = decode_moderation(b'{"input": ["a", "b"], "post": "p"}')
    assert [two.name_of(place) for place in range(2)] == ["p/0", "p/1"]
    assert decode_moderation(b'{"input": "a"}').name_of(0) is None


def test_an_answer_has_a_result_for_each_text() -> None:
    verdicts = [
        Verdict(id="1", channel="api", action=Action.BLOCK, labels={"hate": 0.95}, rung=Rung.DRAFT),
        Verdict(id="2", channel="api", action=Action.ALLOW, rung=Rung.REPEAT, degraded=True),
    ]
    answer = orjson.loads(encode_moderation("modr-1", verdicts, Policy()))
    assert answer["id"] == "modr-1"
    assert set(answer["unsupported"]) == {*UNSUPPORTED, "harassment", *THREATENING}
    bad, good = answer["results"]
    assert bad["flagged"]
    assert bad["categories"]["hate"]
    assert bad["categories"]["violence"] is False
    assert bad["category_scores"]["hate"] == 0.95
    types = bad["category_applied_input_types"]
    assert (types["hate"], types["harassment"]) == (["text"], [])
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
