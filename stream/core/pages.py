"""What a GET asks for and what it gets, whatever serves it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import orjson

from stream.core.errors import OntimeError

JSON = "application/json"
_HARDENING = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class Page(NamedTuple):
    """An HTTP answer; `headers` beside Content-Type and Content-Length."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: Mapping[str, str] = _HARDENING

    def with_headers(self, **more: str) -> Page:
        """Underscores in names stand for hyphens."""
        added = {name.replace("_", "-"): value for name, value in more.items()}
        return self._replace(headers={**self.headers, **added})


def error_page(error: OntimeError, status: int | None = None) -> Page:
    """The error as JSON, with a status that fits."""
    body = orjson.dumps({"error": {"code": error.code, "message": str(error)}})
    return Page(status or error.status, body)
