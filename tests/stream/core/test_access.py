"""Permissions: what claims allow, and which claims are none."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.core.access import EVERYTHING, RIGHTS, matches, permissions_of
from stream.core.errors import NotAllowed, NoToken

CLAIMS = {
    "sub": "studio",
    "exp": 100.0,
    "channels": {"news-*": ["publish", "subscribe"], "chat": ["gate", "translate"]},
}


def test_rights_belong_to_channels() -> None:
    permissions = permissions_of(CLAIMS)
    assert permissions.subject == "studio"
    assert permissions.expires == 100.0
    assert permissions.allows("publish", "news-de")
    assert not permissions.allows("publish", "chat")
    assert not permissions.allows("moderate", "news-de")


def test_translation_needs_the_right_on_any_channel() -> None:
    permissions_of(CLAIMS).demand_somewhere("translate")
    with pytest.raises(NotAllowed, match="does not allow translate"):
        permissions_of({"channels": {"a": ["gate"]}}).demand_somewhere("translate")


def test_what_is_not_allowed_is_named() -> None:
    with pytest.raises(NotAllowed, match="does not allow moderate on channel news-de"):
        permissions_of(CLAIMS).demand("moderate", "news-de")


def test_a_token_without_channels_allows_nothing() -> None:
    nobody = permissions_of({})
    assert not any(nobody.allows(right, "demo") for right in RIGHTS)


def test_everything_is_everything() -> None:
    assert all(EVERYTHING.allows(right, "any") for right in RIGHTS)
    assert EVERYTHING.expires is None


@pytest.mark.parametrize(
    "claims",
    [
        {"channels": ["demo"]},
        {"channels": {"demo": ["everything"]}},
        {"channels": {"": ["gate"]}},
        {"channels": {"x" * 65: ["gate"]}},
        {"channels": {f"c{number}": ["gate"] for number in range(65)}},
        {"exp": "tomorrow"},
        {"sub": 7},
    ],
)
def test_claims_of_another_shape_are_no_token(claims: dict[str, object]) -> None:
    with pytest.raises(NoToken, match="claims that cannot be understood"):
        permissions_of(claims)


@pytest.mark.parametrize(
    ("pattern", "name", "matching"),
    [
        ("*", "", True),
        ("a*b", "ab", True),
        ("a*b", "a*b", True),
        ("a*a", "a", False),
        ("*a*b*", "xaxxbx", True),
        ("*a*b*", "xbxxax", False),
        ("a?c", "abc", False),
        ("[ab]", "a", False),
    ],
)
def test_only_the_star_is_special(pattern: str, name: str, matching: bool) -> None:
    assert matches(pattern, name) is matching


@given(st.text("ab*?.", max_size=12), st.text("ab*?.", max_size=12))
def test_matching_is_what_a_regular_expression_says(pattern: str, name: str) -> None:
    expression = ".*".join(map(re.escape, pattern.split("*")))
    assert matches(pattern, name) is bool(re.fullmatch(expression, name, re.DOTALL))
