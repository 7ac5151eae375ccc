"""What a request gets: a status, JSON, and in an error whether to ask again."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from stream.core.errors import OntimeError

# A client that tries again at once would come when there is still no room, or get the same answer
# (OpenAI's clients ask).
_NO_RETRY = {"x-should-retry": "false"}
_NO_RETRY_STATUS = frozenset({409, 429, 503})

Encode = Callable[[OntimeError], bytes]


class Answer(NamedTuple):
    """`body` is JSON; `headers` come beside its type and length."""

    status: int
    body: bytes
    headers: dict[str, str]


def refusal(error: OntimeError, encode: Encode) -> Answer:
    """An error in the shape that the endpoint's clients read."""
    headers = dict(_NO_RETRY) if error.status in _NO_RETRY_STATUS else {}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Answer(error.status, encode(error), headers)


def bearer_token(authorization: str) -> str | None:
    """The token of an Authorization field (RFC 6750)."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token else None
