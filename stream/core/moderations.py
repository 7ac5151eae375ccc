"""OpenAI's moderations: its request and its answer, around our gate.

https://platform.openai.com/docs/api-reference/moderations; an official client works with another
base URL. Extra fields of the request: `channel`, `budget_ms`, and `post` (a name that makes a
repeat harmless), `author` and `publish` as in the protocol's `gate`; of each result: the verdict's;
of the answer: `unsupported`, the categories that no label speaks for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
import orjson
from msgspec import Meta, Struct

from stream.core import faults
from stream.core.errors import Malformed, OntimeError, TooMany
from stream.core.messages import Action, Verdict
from stream.core.policies import Policy
from stream.core.requests import GATE_BUDGET_MS, BudgetMs, ChannelName, Name, Text

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


PostName = Annotated[str, Meta(max_length=100)]
_Parts = Annotated[tuple[_Part, ...], Meta(min_length=1, max_length=TEXTS)]
_Texts = Annotated[tuple[Text, ...], Meta(min_length=1, max_length=TEXTS)]


class _Common(Struct, frozen=True, kw_only=True):
    model: str = ""
    channel: ChannelName = CHANNEL
    budget_ms: BudgetMs = GATE_BUDGET_MS
    post: PostName = ""
    author: Name = ""
    publish: bool = False


class _One(_Common, frozen=True, kw_only=True):
    input: Text


class _Many(_Common, frozen=True, kw_only=True):
    input: _Texts


class _Multi(_Common, frozen=True, kw_only=True):
    input: _Parts


class Moderation(Struct, frozen=True, kw_only=True):
    """Texts to judge, for a channel and within a budget; `post` ("": none) names them."""

    texts: tuple[str, ...]
    channel: str
    budget_ms: int
    post: str = ""
    author: str = ""
    publish: bool = False

    def name_of(self, place: int) -> str | None:
        """The post that a text is; of several texts each is a post of its own."""
        if not self.post:
            return None
        return self.post if len(self.texts) == 1 else f"{self.post}/{place}"


def decode_moderation(body: bytes) -> Moderation:
    """A request: `input` is a string, a list of strings, or a list of text parts.

    Fields that we do not know are let be, as clients send more than we use. Raises Malformed.
    """
    found = load_object(body)
    asked = convert(found, _form(found.get("input")))
    return Moderation(
        texts=_texts(asked),
        channel=asked.channel,
        budget_ms=asked.budget_ms,
        post=asked.post,
        author=asked.author,
        publish=asked.publish,
    )


def encode_moderation(request_id: str, verdicts: Sequence[Verdict], policy: Policy) -> bytes:
    """The answer; a category is true where one of its labels asks at least for a person."""
    spoken = _spoken_for(frozenset(label for verdict in verdicts for label in verdict.labels))
    results = [_result(verdict, policy, spoken) for verdict in verdicts]
    return orjson.dumps(
        {"id": request_id, "model": "ontime", "results": results, "unsupported": spoken.unsupported}
    )


def encode_error(error: OntimeError) -> bytes:
    """An error as OpenAI's clients read it."""
    kind = "invalid_request_error" if error.status < 500 else "server_error"
    kind = "rate_limit_exceeded" if isinstance(error, TooMany) else kind
    field = error.field if isinstance(error, Malformed) else None
    told = {"message": str(error), "type": kind, "param": field, "code": error.code}
    return orjson.dumps({"error": told})


class _Spoken(NamedTuple):
    """What an engine's labels speak for: the same for all its verdicts, and never changed."""

    unsupported: list[str]
    input_types: dict[str, list[str]]


@lru_cache(maxsize=64)
def _spoken_for(labels: frozenset[str]) -> _Spoken:
    unsupported = unsupported_by(labels)
    types = {name: [] if name in unsupported else ["text"] for name in scores_of({})}
    return _Spoken(unsupported, types)


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


def categories_of(labels: Mapping[str, float], policy: Policy) -> dict[str, bool]:
    """Which categories hold, by each label's own bound."""
    over = {label for label, score in labels.items() if score >= policy.band(label).review}
    holds = {category: not over.isdisjoint(sources) for category, sources in _SOURCES.items()}
    for category, base in _THREATENING.items():
        holds[category] = "threat" in over and holds[base]
    return holds | dict.fromkeys(UNSUPPORTED, False)


def unsupported_by(labels: Collection[str]) -> list[str]:
    """The categories for which none of an engine's labels speaks; without any label, those for
    which none ever does.
    """
    missing = list(UNSUPPORTED)
    if labels:
        missing += [name for name, of in _SOURCES.items() if not set(of) & set(labels)]
        missing += [name for name, base in _THREATENING.items() if _mute(base, labels)]
    return sorted(missing)


def _mute(base: str, labels: Collection[str]) -> bool:
    return "threat" not in labels or not set(_SOURCES[base]) & set(labels)


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


def _result(verdict: Verdict, policy: Policy, spoken: _Spoken) -> dict[str, Any]:
    own = msgspec.to_builtins(verdict)
    del own["type"], own["id"]
    return {
        "flagged": verdict.action is not Action.ALLOW,
        "categories": categories_of(verdict.labels, policy),
        "category_scores": scores_of(verdict.labels),
        "category_applied_input_types": spoken.input_types,
        **own,
    }
