"""Settings of a server: environment variables `ONTIME_*` over one TOML file over the defaults.

They are read once, frozen, and carry their units in their names. A name that no setting has is
refused, so that a mistyped one is never ignored.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from stream.core.errors import OntimeError

PREFIX = "ONTIME_"
TEST_PREFIX = "ONTIME_TEST_"
"""Variables for the tests of this project; no setting."""
CLIENT_NAMES = frozenset({"ONTIME_URL", "ONTIME_TOKEN"})
"""Variables of the commands that talk to a server; no setting."""
_FILE = "_toml"
CLIENT_VARIABLES = frozenset({"ONTIME_URL", "ONTIME_TOKEN"})
"""What the commands that talk to a server read; no setting of a server."""

Port = Annotated[int, Field(ge=0, le=65_535)]
Count = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0)]
Seconds = Annotated[float, Field(ge=0)]
Milliseconds = Annotated[float, Field(ge=0)]


class BadSettings(OntimeError):
    """A setting is unknown or does not fit."""

    code = "bad_settings"


class Config(BaseSettings):
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

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="forbid", frozen=True, case_sensitive=False
    )

    host: str = "127.0.0.1"
    port: Port = 8765
    http_host: str = "127.0.0.1"
    http_port: Port = 8766
    tls_cert: str = ""
    tls_key: str = ""
    share_ports: bool = False
    token_secret: SecretStr = SecretStr("")
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
    gate_guard_ms: Milliseconds = 15.0
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
        _check_names(cls, os.environ)
        if path is not None and not path.is_file():
            raise BadSettings(f"{path} is no file, expected settings in TOML")
        try:
            return cls(**{_FILE: path, **given})
        except (ValidationError, ValueError, OSError) as error:
            raise BadSettings(_explain(error)) from error

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line, environment, file; nothing is read from .env or secrets folders."""
        assert isinstance(init_settings, InitSettingsSource)
        path = init_settings.init_kwargs.pop(_FILE, None)
        file = [TomlConfigSettingsSource(settings_cls, path)] if path else []
        return init_settings, env_settings, *file


def _check_names(settings: type[Config], environ: Mapping[str, str]) -> None:
    """An unknown variable is refused; pydantic-settings would pass over it."""
    known = CLIENT_VARIABLES | {f"{PREFIX}{name}".upper() for name in settings.model_fields}
    for name in environ:
        upper = name.upper()
        if upper.startswith(PREFIX) and not upper.startswith(TEST_PREFIX) and upper not in known:
            raise BadSettings(f"environment has {name}, expected a setting's name")


def _explain(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error).lower()
    first = error.errors(include_url=False)[0]
    name = ".".join(map(str, first["loc"])) or "settings"
    return f"setting {name}: {first['msg'].lower()}"
