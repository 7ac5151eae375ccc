"""LibreTranslate's translate: one text or many, in and out."""

import orjson
import pytest

from stream.core.errors import Malformed, Unavailable
from stream.core.libretranslate import decode_translation, encode_error, encode_translation
from stream.core.messages import Rung, Translation


def translation(text: str) -> Translation:
    return Translation(text=text, language="de", rung=Rung.DRAFT, budget_ms=300)


def test_one_text_in_one_text_out() -> None:
    asked = decode_translation(b'{"q": "hi", "source": "en", "target": "de", "api_key": "k"}')
    assert (asked.texts, asked.source, asked.target) == (("hi",), "en", "de")
    assert asked.api_key == "k"
    answer = orjson.loads(encode_translation(asked, [translation("hallo")]))
    assert answer["translatedText"] == "hallo"
    assert answer["rung"] == "draft"


def test_many_texts_in_many_texts_out() -> None:
    asked = decode_translation(b'{"q": ["a", "b"], "target": "de", "budget_ms": 500}')
    assert asked.budget_ms == 500
    answer = orjson.loads(encode_translation(asked, [translation("x"), translation("y")]))
    assert answer["translatedText"] == ["x", "y"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"q=hi", "body is"),
        (b'{"target": "de"}', "q is missing"),
        (b'{"q": "hi"}', "target is missing"),
        (b'{"q": "hi", "target": "German"}', "target is"),
        (b'{"q": "hi", "target": "de", "format": "html"}', "format is"),
    ],
)
def test_other_requests_are_refused_by_name(body: bytes, told: str) -> None:
    with pytest.raises(Malformed, match=told):
        decode_translation(body)


def test_an_error_is_a_sentence() -> None:
    assert orjson.loads(encode_error(Unavailable("no engine"))) == {
        "error": "no engine",
        "code": "unavailable",
    }
