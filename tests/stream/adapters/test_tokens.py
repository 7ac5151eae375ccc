"""Tokens: signed with our secret by HS256, and nothing else passes."""

import time

import jwt
import pytest

from stream.adapters.tokens import NoTokens, Tokens
from stream.config import BadSettings
from stream.core.access import EVERYTHING
from stream.core.errors import NoToken

SECRET = "s" * 32
CLAIMS = {"sub": "ann", "channels": {"demo": ["gate"]}}


def test_what_was_made_is_verified() -> None:
    tokens = Tokens(SECRET)
    permissions = tokens.verify(tokens.make({**CLAIMS, "exp": int(time.time()) + 60}))
    assert permissions.subject == "ann"
    assert permissions.allows("gate", "demo")
    assert permissions.expires is not None


def unsigned() -> str:
    return jwt.encode(CLAIMS, "", algorithm="none")


@pytest.mark.parametrize(
    ("token", "told"),
    [
        (None, "no token came"),
        ("", "no token came"),
        ("a.b.c", "not valid"),
        ("x" * 5_000, "5000 characters"),
        ("\ud800", "not valid"),
        ("W1tb" * 900 + ".e30.eA", "not valid"),
        (unsigned(), "not valid"),
        (jwt.encode(CLAIMS, "t" * 32, "HS256"), "not valid"),
        (jwt.encode(CLAIMS, SECRET * 2, "HS512"), "not valid"),
        (jwt.encode({**CLAIMS, "exp": 1}, SECRET, "HS256"), "expired"),
        (jwt.encode({"channels": 7}, SECRET, "HS256"), "claims that cannot be understood"),
    ],
)
def test_nothing_else_passes_and_no_token_is_repeated(token: str | None, told: str) -> None:
    with pytest.raises(NoToken, match=told) as caught:
        Tokens(SECRET).verify(token)
    assert not token or token not in str(caught.value)


def test_a_short_secret_is_none() -> None:
    with pytest.raises(BadSettings, match="secret has 31 bytes, expected at least 32"):
        Tokens("s" * 31)


def test_claims_that_mean_nothing_are_not_signed() -> None:
    with pytest.raises(NoToken):
        Tokens(SECRET).make({"channels": {"demo": ["fly"]}})


def test_without_a_secret_everybody_may_everything() -> None:
    assert NoTokens().verify(None) is EVERYTHING
