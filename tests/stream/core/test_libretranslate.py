"""LibreTranslate's translate: one text or many, in and out."""

import orjson
import pytest

from stream.core.errors import Malformed, Unavailable
from stream.core.libretranslate import (
    decode_detection,
    decode_translation,
    encode_detection,
    encode_error,
    encode_languages,
    encode_translation,
)
from stream.core.messages import Detected, Rung, Translation
from stream.core.records import Detection, Offer


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


FORM = "application/x-www-form-urlencoded; charset=utf-8"


def test_a_form_is_as_good_as_json() -> None:
    asked = decode_translation(b"q=h%C3%A4&source=auto&target=de&budget_ms=500&api_key=k", FORM)
    assert (asked.texts, asked.source, asked.budget_ms, asked.single) == (
        ("hä",),
        "auto",
        500,
        True,
    )
    assert decode_translation(b"q=&q=b&target=de", FORM).texts == ("", "b")
    assert decode_detection(b"q=hi", FORM).q == "hi"


@pytest.mark.parametrize(
    ("body", "content_type", "told"),
    [
        (b"q=%ff&target=de", FORM, "body is"),
        (b"&".join([b"q=x"] * 100), FORM, "body is"),
        (b"q=x&target=de&budget_ms=soon", FORM, "budget_ms is"),
        (b"--x", "multipart/form-data; boundary=x", "content type is"),
    ],
)
def test_a_bad_form_is_refused_by_name(body: bytes, content_type: str, told: str) -> None:
    with pytest.raises(Malformed, match=told):
        decode_translation(body, content_type)


def test_what_was_recognised_is_told_in_percent() -> None:
    asked = decode_translation(b'{"q": "hi", "source": "auto", "target": "de"}')
    detected = Detected(language="en", confidence=0.9876)
    said = Translation(text="x", language="de", detected=detected, rung=Rung.DRAFT, budget_ms=300)
    answer = orjson.loads(encode_translation(asked, [said]))
    assert answer["detectedLanguage"] == {"confidence": 98.8, "language": "en"}
    found = Detection(id="1", candidates=(detected,))
    assert orjson.loads(encode_detection(found)) == [{"confidence": 98.8, "language": "en"}]


def test_each_language_says_what_it_can_become() -> None:
    offer = Offer(id="1", sources=("en", "x"), targets=("de", "en"))
    assert orjson.loads(encode_languages(offer)) == [
        {"code": "en", "name": "English", "targets": ["de", "en"]},
        {"code": "x", "name": "x", "targets": ["de", "en", "x"]},
        {"code": "de", "name": "German", "targets": ["de"]},
    ]
