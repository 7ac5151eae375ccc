"""Who may do what: a token's claims -> permissions.

Claims (RFC 7519): `sub` names the bearer, `exp` ends the token (Unix seconds), and `channels` maps
patterns of channel names to rights, `{"news-*": ["subscribe", "gate"]}`. In a pattern `*` stands
for any run of characters, everything else for itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from stream.core.errors import NotAllowed, NoToken

Right = Literal["subscribe", "publish", "gate", "translate", "moderate"]
RIGHTS: tuple[Right, ...] = ("subscribe", "publish", "gate", "translate", "moderate")
Pattern = Annotated[str, Meta(min_length=1, max_length=64)]


class _Claims(Struct, frozen=True, kw_only=True):
    sub: Annotated[str, Meta(max_length=128)] = ""
    exp: float | None = None
    channels: Annotated[
        dict[Pattern, Annotated[tuple[Right, ...], Meta(max_length=len(RIGHTS))]],
        Meta(max_length=64),
    ] = {}


class Grant(NamedTuple):
    """These rights on the channels that the pattern matches."""

    pattern: str
    rights: frozenset[Right]


class Permissions(NamedTuple):
    """What the bearer `subject` may do until `expires` (Unix seconds; None: for ever)."""

    subject: str
    grants: tuple[Grant, ...]
    expires: float | None = None

    def allows(self, right: Right, channel: str) -> bool:
        return any(right in rights and matches(pattern, channel) for pattern, rights in self.grants)

    def allows_somewhere(self, right: Right) -> bool:
        """True for a right that belongs to no channel (`translate`) and is granted on any."""
        return any(right in rights for _, rights in self.grants)

    def demand(self, right: Right, channel: str) -> None:
        """Raises NotAllowed."""
        if not self.allows(right, channel):
            raise NotAllowed(f"token does not allow {right} on channel {channel}")

    def demand_somewhere(self, right: Right) -> None:
        """Raises NotAllowed."""
        if not self.allows_somewhere(right):
            raise NotAllowed(f"token does not allow {right}")


EVERYTHING = Permissions("anonymous", (Grant("*", frozenset(RIGHTS)),))
"""What holds where no secret is set."""


def permissions_of(claims: Mapping[str, Any]) -> Permissions:
    """Raises NoToken where the claims are not as described above."""
    try:
        known = msgspec.convert(claims, _Claims)
    except msgspec.ValidationError as error:
        raise NoToken("token has claims that cannot be understood") from error
    grants = tuple(Grant(pattern, frozenset(rights)) for pattern, rights in known.channels.items())
    return Permissions(known.sub, grants, known.exp)


def matches(pattern: str, name: str) -> bool:
    """True where `name` is `pattern` with each `*` replaced; it costs their lengths at most."""
    first, *parts = pattern.split("*")
    if not parts:
        return name == pattern
    last = parts.pop()
    if len(name) < len(first) + len(last) or not name.startswith(first) or not name.endswith(last):
        return False
    at, end = len(first), len(name) - len(last)
    for part in parts:
        found = name.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True
