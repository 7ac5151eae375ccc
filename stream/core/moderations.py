"""OpenAI's moderations: its request and its answer, around our gate.

https://platform.openai.com/docs/api-reference/moderations; an official client works with another
base URL. Extra fields of the request: `channel`, `budget_ms`; of each result: the verdict's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
import orjson
from msgspec import Meta, Struct

from stream.core import faults
from stream.core.errors import Malformed, OntimeError, TooMany
from stream.core.messages import Action, Verdict
from stream.core.requests import GATE_BUDGET_MS, BudgetMs, ChannelName, Text

TEXTS = 128
CHANNEL = "api"
"""The channel whose policy holds where a request names none."""

_SOURCES: dict[str, tuple[str, ...]] = {
    "hate": ("hate", "sexist"),
    "harassment": ("harassment", "offensive", "toxic"),
}
_THREATENING = {"hate/threatening": "hate", "harassment/threatening": "harassment"}
UNSUPPORTED = (
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)


class _Part(Struct, frozen=True, kw_only=True):
    type: Literal["text"]
    text: Text


_Parts = Annotated[tuple[_Part, ...], Meta(min_length=1, max_length=TEXTS)]
_Texts = Annotated[tuple[Text, ...], Meta(min_length=1, max_length=TEXTS)]


class _Common(Struct, frozen=True, kw_only=True):
    model: str = ""
    channel: ChannelName = CHANNEL
    budget_ms: BudgetMs = GATE_BUDGET_MS


class _One(_Common, frozen=True, kw_only=True):
    input: Text


class _Many(_Common, frozen=True, kw_only=True):
    input: _Texts


class _Multi(_Common, frozen=True, kw_only=True):
    input: _Parts


class Moderation(Struct, frozen=True, kw_only=True):
    """Texts to judge, for a channel and within a budget."""

    texts: tuple[str, ...]
    channel: str
    budget_ms: int


def decode_moderation(body: bytes) -> Moderation:
    """A request: `input` is a string, a list of strings, or a list of text parts.

    Fields that we do not know are let be, as clients send more than we use. Raises Malformed.
    """
    found = load_object(body)
    asked = convert(found, _form(found.get("input")))
    return Moderation(texts=_texts(asked), channel=asked.channel, budget_ms=asked.budget_ms)


def encode_moderation(request_id: str, verdicts: Sequence[Verdict], threshold: float) -> bytes:
    """The answer; a category is true from the channel's review threshold on."""
    results = [_result(verdict, threshold) for verdict in verdicts]
    return orjson.dumps(
        {"id": request_id, "model": "ontime", "results": results, "unsupported": UNSUPPORTED}
    )


def encode_error(error: OntimeError) -> bytes:
    """An error as OpenAI's clients read it."""
    kind = "invalid_request_error" if error.status < 500 else "server_error"
    kind = "rate_limit_exceeded" if isinstance(error, TooMany) else kind
    field = error.field if isinstance(error, Malformed) else None
    told = {"message": str(error), "type": kind, "param": field, "code": error.code}
    return orjson.dumps({"error": told})


def scores_of(labels: Mapping[str, float]) -> dict[str, float]:
    """OpenAI's categories from our labels; what we cannot judge is 0 (and listed)."""
    scores = {
        category: max(labels.get(label, 0.0) for label in sources)
        for category, sources in _SOURCES.items()
    }
    threat = labels.get("threat", 0.0)
    for category, base in _THREATENING.items():
        scores[category] = min(threat, scores[base])
    return scores | dict.fromkeys(UNSUPPORTED, 0.0)


def load_object(body: bytes) -> dict[str, Any]:
    """A JSON object. Raises Malformed."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed("body", faults.shorten(body), "JSON") from error
    if not isinstance(found, dict):
        raise Malformed("body", faults.shorten(found), "a JSON object")
    return found


def convert(found: dict[str, Any], expected: Any) -> Any:
    """An instance of `expected`. Raises Malformed."""
    try:
        return msgspec.convert(found, expected)
    except msgspec.ValidationError as error:
        raise faults.explain(found, expected, str(error)) from error


def _form(given: Any) -> type[_Common]:
    if isinstance(given, list):
        return _Multi if given and isinstance(given[0], dict) else _Many
    return _One


def _texts(asked: _One | _Many | _Multi) -> tuple[str, ...]:
    match asked:
        case _One(input=text):
            return (text,)
        case _Many(input=texts):
            return texts
        case _Multi(input=parts):
            return tuple(part.text for part in parts)


def _result(verdict: Verdict, threshold: float) -> dict[str, Any]:
    scores = scores_of(verdict.labels)
    own = msgspec.to_builtins(verdict)
    del own["type"], own["id"]
    return {
        "flagged": verdict.action is not Action.ALLOW,
        "categories": {category: score >= threshold for category, score in scores.items()}
        | dict.fromkeys(UNSUPPORTED, False),
        "category_scores": scores,
        "category_applied_input_types": {
            category: [] if category in UNSUPPORTED else ["text"] for category in scores
        },
        **own,
    }
