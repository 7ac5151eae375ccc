"""LibreTranslate's /translate: its request and its answer, around our translation.

https://docs.libretranslate.com/api/operations/translate/. An extra field of the request is
`budget_ms`; the answer's extra fields are `rung`, `latency`, `late` and `degraded`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
import orjson
from msgspec import Meta, Struct

from stream.core.errors import OntimeError
from stream.core.messages import Translation
from stream.core.moderations import convert, load_object
from stream.core.requests import TRANSLATION_BUDGET_MS, BudgetMs, Language, Text

TEXTS = 64


class _Common(Struct, frozen=True, kw_only=True):
    source: Language = "en"
    target: Language
    format: Literal["text"] = "text"
    api_key: str | None = None
    budget_ms: BudgetMs = TRANSLATION_BUDGET_MS


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


def decode_translation(body: bytes) -> TranslationAsked:
    """A JSON request: `q` is a string or a list of strings. Raises Malformed."""
    found = load_object(body)
    single = not isinstance(found.get("q"), list)
    asked = convert(found, _One if single else _Many)
    return TranslationAsked(
        texts=(asked.q,) if single else asked.q,
        single=single,
        source=asked.source,
        target=asked.target,
        api_key=asked.api_key,
        budget_ms=asked.budget_ms,
    )


def encode_translation(asked: TranslationAsked, answers: Sequence[Translation]) -> bytes:
    """`translatedText` is a string or a list, as `q` was; so are the extra fields."""
    columns: dict[str, list[Any]] = {
        "translatedText": [answer.text for answer in answers],
        "rung": [answer.rung for answer in answers],
        "latency": [msgspec.to_builtins(answer.latency) for answer in answers],
        "late": [answer.late for answer in answers],
        "degraded": [answer.degraded for answer in answers],
    }
    if asked.single:
        return orjson.dumps({name: values[0] for name, values in columns.items()})
    return orjson.dumps(columns)


def encode_error(error: OntimeError) -> bytes:
    """`error` is the message; `code` is ours."""
    return orjson.dumps({"error": str(error), "code": error.code})
