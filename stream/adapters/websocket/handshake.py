"""What an opening handshake says: the token it carries and where it comes from."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from ipaddress import ip_address, ip_network
from urllib.parse import parse_qs, urlsplit

from websockets.datastructures import Headers
from websockets.http11 import Request

from stream.core.errors import NotAllowed

PATH = "/v1/stream"
SUBPROTOCOL = "ontime.v1"
ANY_ORIGIN = "*"
_BEARER = "bearer."


def token_of(request: Request) -> str | None:
    """From `Authorization: Bearer T`, the query `token=T`, or the subprotocol `bearer.T`."""
    scheme, _, token = (_header(request, "Authorization") or "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip()
    with suppress(ValueError):  # of more fields than anybody needs none is read
        query = parse_qs(request.path.partition("?")[2], max_num_fields=16)
        if given := query.get("token"):
            return given[0]
    for offered in subprotocols_of(request):
        if offered.startswith(_BEARER):
            return offered.removeprefix(_BEARER)
    return None


def subprotocols_of(request: Request) -> list[str]:
    offers = request.headers.get_all("Sec-WebSocket-Protocol")
    return [name.strip() for offer in offers for name in offer.split(",")]


def path_of(request: Request) -> str:
    return request.path.partition("?")[0]


def check_source(request: Request, origins: Collection[str], *, local: bool) -> None:
    """Raises NotAllowed for a page of somebody else's.

    No origin (not a browser), the server's own, loopback and the listed ones pass. A `local` server
    also wants to be called by a loopback name: a name that was made to point here (DNS rebinding)
    would make any page its own.
    """
    host, origin = _header(request, "Host") or "", _header(request, "Origin")
    if local and not is_loopback(_name(host)):
        raise NotAllowed(f"host is {host[:80]!a}, expected a loopback name")
    if origin is None or ANY_ORIGIN in origins or origin in origins:
        return
    place = origin.partition("://")[2]
    if place and (place == host or is_loopback(_name(place))):
        return
    raise NotAllowed(f"origin is {origin[:80]!a}, expected this server or a listed one")


def is_loopback(name: str) -> bool:
    """True for localhost and the loopback addresses."""
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def neighbourhood(address: str) -> str:
    """What counts as one address: an IPv4 address, or an IPv6 network of 64 bits."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    return str(found) if found.version == 4 else str(ip_network((found, 64), strict=False))


def _name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _header(request: Request, name: str) -> str | None:
    values = Headers.get_all(request.headers, name)
    return values[0] if values else None
