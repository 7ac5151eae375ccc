"""Settings of a server: environment variables `ONTIME_*` over one TOML file over the defaults.

They are read once, frozen, and carry their units in their names. A name that no setting has is
refused, so that a mistyped one is never ignored.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from msgspec import Meta, Struct, ValidationError, convert

from stream.core.errors import OntimeError

PREFIX = "ONTIME_"
TEST_PREFIX = "ONTIME_TEST_"
"""Variables for the tests of this project; no setting."""
CLIENT_VARIABLES = frozenset({"ONTIME_URL", "ONTIME_TOKEN"})
"""What the commands that talk to a server read; no setting of a server."""

Port = Annotated[int, Meta(ge=0, le=65_535)]
Count = Annotated[int, Meta(ge=1)]
Rate = Annotated[float, Meta(gt=0)]
Seconds = Annotated[float, Meta(ge=0)]
Milliseconds = Annotated[float, Meta(ge=0)]


class BadSettings(OntimeError):
    """A setting is unknown or does not fit."""

    code = "bad_settings"


class Secret:
    """A text that is shown to nobody by accident."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "Secret(…)" if self._text else "Secret()"

    def get_secret_value(self) -> str:
        return self._text


class Config(Struct, frozen=True, kw_only=True):
    """Settings of a gateway. A port of 0 is chosen by the system.

    host, port                WebSockets and the page
    http_host, http_port      HTTP for backends
    tls_cert, tls_key         PEM files for both ports; without them there is no TLS
    share_ports               other gateways of this machine listen on the same ports (one a core)
    token_secret              signs tokens (HS256, 32 bytes at least); without it loopback only
    origins                   pages of these origins may connect, beside the server's own; * for all
    connections               WebSocket connections in all
    connections_per_address   of one address (loopback is free)
    opening_s                 for the whole opening handshake
    messages_per_s, _burst    of one connection
    bytes_per_s, _burst       of one connection
    errors_burst              errors that one connection may make at once; one a second comes back
    channels_per_connection   subscriptions of one connection
    outbox_bytes, outbox_s    what may wait for one slow subscriber, and for how long
    publish_ahead_s           audio that a publisher may send ahead of real time
    closing_s                 until `closed` is given up
    gate_guard_ms             of a gate's budget kept for the answer's way out
    gate_pending              posts that may wait for their verdicts at once
    http_texts_per_s, _burst  texts that one bearer may send by HTTP
    policy                    file with the moderators' rules (TOML), read again when it changes
    history_s                 how far a subscriber may resume
    transcript_s              how far subtitles and reviews are read back at the start
    drain_s                   for peers to leave when the server stops
    kafka                     HOST:PORT of one or more brokers; empty: the bus in this process
    kafka_prefix              before each topic's name
    """

    host: str = "127.0.0.1"
    port: Port = 8765
    http_host: str = "127.0.0.1"
    http_port: Port = 8766
    tls_cert: str = ""
    tls_key: str = ""
    share_ports: bool = False
    token_secret: Secret = Secret("")
    origins: frozenset[str] = frozenset()
    connections: Count = 10_000
    connections_per_address: Count = 256
    opening_s: Rate = 10.0
    messages_per_s: Rate = 2_000
    messages_burst: Rate = 10_000
    bytes_per_s: Rate = 4 * 1024 * 1024
    bytes_burst: Rate = 16 * 1024 * 1024
    errors_burst: Count = 100
    channels_per_connection: Count = 64
    outbox_bytes: Count = 4 * 1024 * 1024
    outbox_s: Rate = 30.0
    publish_ahead_s: Rate = 10.0
    closing_s: Rate = 30.0
    gate_guard_ms: Milliseconds = 25.0
    gate_pending: Count = 4_096
    http_texts_per_s: Rate = 2_000
    http_texts_burst: Rate = 10_000
    policy: str = ""
    history_s: Rate = 60.0
    transcript_s: Seconds = 3_600.0
    drain_s: Seconds = 5.0
    kafka: str = ""
    kafka_prefix: str = "ontime."

    @classmethod
    def load(cls, path: Path | None = None, **given: Any) -> Self:
        """Read all sources; `given` (the command line's) stands over them. Raises BadSettings."""
        found = (_read_file(path) if path else {}) | _read_environment(os.environ) | given
        for name in found:
            if name not in cls.__struct_fields__:
                raise BadSettings(f"setting {name} is unknown, expected a setting's name")
        try:
            return convert(found, cls, strict=False, dec_hook=_make)
        except ValidationError as error:
            raise BadSettings(_explain(error)) from error


def _read_file(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise BadSettings(f"{path} is no file, expected settings in TOML")
    try:
        return tomllib.loads(path.read_text())
    except (ValueError, OSError) as error:
        raise BadSettings(str(error).lower()) from error


def _read_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """Every variable of ours must be a setting; a list is written as JSON."""
    found: dict[str, Any] = {}
    for name, text in environ.items():
        upper = name.upper()
        if not upper.startswith(PREFIX) or upper.startswith(TEST_PREFIX):
            continue
        field = upper.removeprefix(PREFIX).lower()
        if field in Config.__struct_fields__:
            found[field] = _read_list(field, text) if field in _LISTS else text
        elif upper not in CLIENT_VARIABLES:
            raise BadSettings(f"environment has {name}, expected a setting's name")
    return found


_LISTS = frozenset({"origins"})


def _read_list(field: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise BadSettings(f"setting {field}: {text!r} is no list in JSON") from error


def _make(kind: type, value: Any) -> Any:
    """A secret of its text; msgspec knows all other types."""
    if kind is Secret and isinstance(value, str | Secret):
        return value if isinstance(value, Secret) else Secret(value)
    raise TypeError(f"expected {kind.__name__}, got {type(value).__name__}")


def _explain(error: ValidationError) -> str:
    """msgspec says what was expected, then where: "... - at `$.port`"."""
    told, _, place = str(error).partition(" - at ")
    name = re.sub(r"[`$]", "", place).strip(".") or "settings"
    return f"setting {name}: {told.lower()}"
