"""Tokens: JSON Web Tokens signed with HS256, by PyJWT."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jwt

from stream.config import BadSettings
from stream.core.access import EVERYTHING, Permissions, permissions_of
from stream.core.errors import NoToken

SECRET_BYTES = 32
TOKEN_CHARACTERS = 4_096
_ALGORITHM = "HS256"


class Tokens:
    """Makes and verifies tokens with one secret of at least 32 bytes (RFC 7518 section 3.2).

    Raises BadSettings for a shorter one.
    """

    def __init__(self, secret: str) -> None:
        if len(secret.encode()) < SECRET_BYTES:
            found = len(secret.encode())
            raise BadSettings(f"token_secret has {found} bytes, expected at least {SECRET_BYTES}")
        self._secret = secret

    def make(self, claims: Mapping[str, Any]) -> str:
        """A token with these claims (stream/core/access.py). Raises NoToken for others."""
        permissions_of(claims)
        return jwt.encode(dict(claims), self._secret, _ALGORITHM)

    def verify(self, token: str | None) -> Permissions:
        """Raises NoToken, which never repeats the token."""
        if not token:
            raise NoToken("no token came, expected one")
        if len(token) > TOKEN_CHARACTERS:
            found = len(token)
            raise NoToken(f"token has {found} characters, expected at most {TOKEN_CHARACTERS}")
        try:
            claims = jwt.decode(token, self._secret, [_ALGORITHM])
        except jwt.ExpiredSignatureError as error:
            raise NoToken("token has expired") from error
        except (jwt.InvalidTokenError, UnicodeError, RecursionError) as error:
            raise NoToken("token is not valid") from error
        return permissions_of(claims)


class NoTokens:
    """Where no secret is set everybody may do everything; for loopback only."""

    def verify(self, token: str | None) -> Permissions:
        return EVERYTHING
