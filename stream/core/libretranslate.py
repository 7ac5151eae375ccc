"""LibreTranslate's endpoints: their requests and answers, around our translation.

https://docs.libretranslate.com/api/operations/translate/; its clients work with another base URL.
Bodies are JSON or a form. An extra field of a request is `budget_ms`; the answer's extra fields are
`rung`, `latency`, `late` and `degraded`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs

import msgspec
import orjson
from msgspec import UNSET, Meta, Struct

from stream.core import faults
from stream.core.errors import Malformed, OntimeError
from stream.core.messages import Detected, Translation
from stream.core.moderations import convert, load_object
from stream.core.records import Detection, Offer
from stream.core.requests import BudgetMs, Language, SourceLanguage, Text

TEXTS = 64
FORM = "application/x-www-form-urlencoded"
BUDGET_MS = 5_000
"""Where a request names none: these clients know no budgets, and wait."""

_NAMES = {
    "ar": "Arabic", "bg": "Bulgarian", "ca": "Catalan", "cs": "Czech", "da": "Danish",
    "de": "German", "el": "Greek", "en": "English", "eo": "Esperanto", "es": "Spanish",
    "et": "Estonian", "fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi",
    "hu": "Hungarian", "id": "Indonesian", "it": "Italian", "ja": "Japanese", "ko": "Korean",
    "lt": "Lithuanian", "lv": "Latvian", "nb": "Norwegian", "nl": "Dutch", "pl": "Polish",
    "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sk": "Slovak", "sl": "Slovenian",
    "sv": "Swedish", "th": "Thai", "tr": "Turkish", "uk": "Ukrainian", "vi": "Vietnamese",
    "zh": "Chinese",
}  # fmt: skip


class _Common(Struct, frozen=True, kw_only=True):
    source: SourceLanguage = "en"
    target: Language
    format: Literal["text"] = "text"
    api_key: str | None = None
    budget_ms: BudgetMs = BUDGET_MS


class _One(_Common, frozen=True, kw_only=True):
    q: Text


class _Many(_Common, frozen=True, kw_only=True):
    q: Annotated[tuple[Text, ...], Meta(min_length=1, max_length=TEXTS)]


class TranslationAsked(Struct, frozen=True, kw_only=True):
    """Texts to translate; `single` where one was asked for, and not a list."""

    texts: tuple[str, ...]
    single: bool
    source: str
    target: str
    api_key: str | None
    budget_ms: int


class DetectionAsked(Struct, frozen=True, kw_only=True):
    """A text whose language is wanted."""

    q: Text
    api_key: str | None = None


def decode_translation(body: bytes, content_type: str = "") -> TranslationAsked:
    """`q` is a string or a list of strings (in a form: is given more than once).

    Raises Malformed.
    """
    found, is_form = _load(body, content_type)
    single = not isinstance(found.get("q"), list)
    asked = _convert(found, _One if single else _Many, is_form)
    return TranslationAsked(
        texts=(asked.q,) if single else asked.q,
        single=single,
        source=asked.source,
        target=asked.target,
        api_key=asked.api_key,
        budget_ms=asked.budget_ms,
    )


def decode_detection(body: bytes, content_type: str = "") -> DetectionAsked:
    """Raises Malformed."""
    found, is_form = _load(body, content_type)
    asked: DetectionAsked = _convert(found, DetectionAsked, is_form)
    return asked


def encode_translation(asked: TranslationAsked, answers: Sequence[Translation]) -> bytes:
    """`translatedText` is a string or a list, as `q` was; so are the extra fields."""
    columns: dict[str, list[Any]] = {
        "translatedText": [answer.text for answer in answers],
        "rung": [answer.rung for answer in answers],
        "latency": [msgspec.to_builtins(answer.latency) for answer in answers],
        "late": [answer.late for answer in answers],
        "degraded": [answer.degraded for answer in answers],
    }
    detected = [_detected(each) for answer in answers if (each := answer.detected) is not UNSET]
    if detected:
        columns["detectedLanguage"] = detected
    if asked.single:
        return orjson.dumps({name: values[0] for name, values in columns.items()})
    return orjson.dumps(columns)


def encode_detection(found: Detection) -> bytes:
    """The likeliest first; confidence is in percent."""
    return orjson.dumps([_detected(each) for each in found.candidates])


def encode_languages(offer: Offer) -> bytes:
    """Each language that can be read or written, and what it can be translated into."""
    languages = [
        {"code": code, "name": _NAMES.get(code, code), "targets": _targets(code, offer)}
        for code in dict.fromkeys((*offer.sources, *offer.targets))
    ]
    return orjson.dumps(languages)


def encode_error(error: OntimeError) -> bytes:
    """`error` is the message; `code` is ours."""
    return orjson.dumps({"error": str(error), "code": error.code})


def _targets(code: str, offer: Offer) -> list[str]:
    """A text in the wanted language already stays as it is."""
    return sorted({code, *offer.targets}) if code in offer.sources else [code]


def _detected(found: Detected) -> dict[str, Any]:
    return {"confidence": round(100 * found.confidence, 1), "language": found.language}


def _load(body: bytes, content_type: str) -> tuple[dict[str, Any], bool]:
    """The fields, and whether they came in a form, where all values are strings."""
    kind = content_type.partition(";")[0].strip().casefold()
    if kind == FORM:
        return _form(body), True
    if kind.startswith("multipart/"):
        raise Malformed("content type", faults.shorten(kind), f"application/json or {FORM}")
    return load_object(body), False


def _form(body: bytes) -> dict[str, Any]:
    try:
        fields = parse_qs(
            body.decode(), keep_blank_values=True, errors="strict", max_num_fields=TEXTS + 16
        )
    except ValueError as error:
        raise Malformed("body", faults.shorten(body), "a form of few fields, in UTF-8") from error
    return {name: values[0] if len(values) == 1 else values for name, values in fields.items()}


def _convert(found: dict[str, Any], expected: Any, is_form: bool) -> Any:
    if not is_form:
        return convert(found, expected)
    try:
        return msgspec.convert(found, expected, strict=False)
    except msgspec.ValidationError as error:
        raise faults.explain(found, expected, str(error)) from error
