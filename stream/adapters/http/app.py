"""The endpoints: OpenAI's moderations, LibreTranslate's translate, metrics and health."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from stream.adapters.http.answers import Encode, bearer_token, refusal
from stream.adapters.http.door import BODY_LIMIT_BYTES
from stream.adapters.http.room import Room
from stream.core import libretranslate, moderations
from stream.core.access import Permissions
from stream.core.errors import OntimeError, TooBig
from stream.core.libretranslate import TranslationAsked
from stream.core.messages import Translation, Verdict
from stream.core.moderations import Moderation
from stream.core.pages import JSON, Page
from stream.core.policies import Policy
from stream.core.records import Detection, Offer

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]


class Backend(Protocol):
    """What the endpoints call; each method raises an OntimeError where it can't do it."""

    def verify(self, token: str | None) -> Permissions: ...

    async def moderate(self, asked: Moderation, bearer: Permissions) -> Sequence[Verdict]: ...

    def policy(self, channel: str) -> Policy:
        """What holds on this channel."""

    async def translate(
        self, asked: TranslationAsked, bearer: Permissions
    ) -> Sequence[Translation]: ...

    async def languages(self, bearer: Permissions) -> Offer: ...

    async def detect(self, text: str, bearer: Permissions) -> Detection: ...

    def metrics(self) -> bytes: ...

    async def page(self, path: str) -> Page:
        """Health."""


def make_app(backend: Backend, new_id: Callable[[], str], room: Room) -> Starlette:
    """The application; `new_id` names its answers. Metrics and health need no `room`."""

    def guard(endpoint: _Endpoint, encode: Encode) -> _Endpoint:
        return _guard(endpoint, encode, room)

    async def moderate(request: Request) -> Response:
        bearer = backend.verify(_token(request))
        asked = moderations.decode_moderation(await _body(request))
        verdicts = await backend.moderate(asked, bearer)
        policy = backend.policy(asked.channel)
        return _json(moderations.encode_moderation(f"modr-{new_id()}", verdicts, policy))

    async def translate(request: Request) -> Response:
        asked = libretranslate.decode_translation(await _body(request), _content_type(request))
        bearer = backend.verify(_token(request) or asked.api_key)
        answers = await backend.translate(asked, bearer)
        return _json(libretranslate.encode_translation(asked, answers))

    async def languages(request: Request) -> Response:
        offer = await backend.languages(backend.verify(_token(request)))
        return _json(libretranslate.encode_languages(offer))

    async def detect(request: Request) -> Response:
        asked = libretranslate.decode_detection(await _body(request), _content_type(request))
        found = await backend.detect(asked.q, backend.verify(_token(request) or asked.api_key))
        return _json(libretranslate.encode_detection(found))

    async def metrics(request: Request) -> Response:
        return Response(backend.metrics(), media_type=METRICS_TYPE)

    async def health(request: Request) -> Response:
        page = await backend.page(request.url.path)
        return Response(page.body, page.status, dict(page.headers), page.content_type)

    return Starlette(
        routes=[
            Route("/v1/moderations", guard(moderate, moderations.encode_error), methods=["POST"]),
            Route("/translate", guard(translate, libretranslate.encode_error), methods=["POST"]),
            Route("/detect", guard(detect, libretranslate.encode_error), methods=["POST"]),
            Route("/languages", guard(languages, libretranslate.encode_error)),
            Route("/metrics", metrics),
            Route("/healthz", health),
            Route("/readyz", health),
        ],
        exception_handlers={HTTPException: _refuse},
    )


def _guard(endpoint: _Endpoint, encode: Encode, room: Room) -> _Endpoint:
    """Errors become JSON in the shape that the endpoint's clients read."""

    async def guarded(request: Request) -> Response:
        try:
            with room.place():
                return await endpoint(request)
        except OntimeError as error:
            told = refusal(error, encode)
            return _json(told.body, told.status, told.headers)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it

    return guarded


async def _refuse(request: Request, error: Exception) -> Response:
    """No such path, or not with this method."""
    assert isinstance(error, HTTPException)
    told = OntimeError(f"{request.method} of this path is {error.detail.lower()}")
    return _json(moderations.encode_error(told), error.status_code, dict(error.headers or {}))


async def _body(request: Request) -> bytes:
    """Raises TooBig before more than the limit is kept."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > BODY_LIMIT_BYTES:
            raise TooBig("body", f"over {BODY_LIMIT_BYTES} bytes", "fewer")
    return bytes(body)


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "")


def _token(request: Request) -> str | None:
    return bearer_token(request.headers.get("authorization", ""))


def _json(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(body, status, headers, JSON)
