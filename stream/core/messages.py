"""What travels to clients: results and answers, all frozen.

`start`, `end` and `audio_end` are seconds since the channel's first sample; `stable` counts leading
Unicode code points. A final, post, review, decision or retract carries a `cursor` once a gateway
has placed it (core/cursor.py).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from msgspec import UNSET, Struct, UnsetType


class Rung(StrEnum):
    """A step of the anytime ladder, cheapest first (design: one idea)."""

    REPEAT = "repeat"
    SKETCH = "sketch"
    DRAFT = "draft"
    VERIFIED = "verified"
    REFINED = "refined"


class Action(StrEnum):
    """What becomes of a post."""

    ALLOW = "allow"
    REVIEW = "review"
    BLOCK = "block"


class Latency(Struct, frozen=True, gc=False, kw_only=True):
    """Milliseconds by stage; `total_ms` runs from arrival to the write to the subscriber."""

    ingress_ms: float = 0.0
    queue_ms: float = 0.0
    decode_ms: float = 0.0
    fanout_ms: float = 0.0
    total_ms: float = 0.0


class Word(Struct, frozen=True, gc=False, kw_only=True):
    """A word, when it was said (seconds) and how sure the recogniser is (0 to 1)."""

    word: str
    start: float
    end: float
    confidence: float


class Message(Struct, frozen=True, gc=False, kw_only=True, tag_field="type"):
    """Root of what a server sends; values, so the collector of cycles need not look at them."""


class Caption(Message, frozen=True, kw_only=True, tag="caption"):
    """A revision of a segment's text; `flags` name the word lists that the filter found in it."""

    channel: str
    segment: str
    revision: int
    text: str
    stable: int
    final: bool
    start: float
    end: float
    audio_end: float
    words: tuple[Word, ...] = ()
    flags: tuple[str, ...] | UnsetType = UNSET
    language: str = "en"
    rung: Rung = Rung.DRAFT
    latency: Latency = Latency()
    budget_ms: int
    late: bool = False
    degraded: bool = False
    cursor: str | UnsetType = UNSET


class Detected(Struct, frozen=True, gc=False, kw_only=True):
    """A language that was recognised, and how sure that is (0 to 1)."""

    language: str
    confidence: float


class Translation(Message, frozen=True, kw_only=True, tag="translation"):
    """A revision of a segment's translation, or the answer to a `translate` (then with `id`).

    `detected` is the source's language where none was given. `acceptance` is `relaxed` where words
    of a draft stand that were nearly the model's best, and not its best.
    """

    id: str | UnsetType = UNSET
    channel: str = ""
    segment: str = ""
    revision: int = 0
    source_segment: str = ""
    source_revision: int = 0
    text: str
    stable: int = 0
    final: bool = True
    start: float = 0.0
    end: float = 0.0
    audio_end: float = 0.0
    language: str
    detected: Detected | UnsetType = UNSET
    acceptance: Literal["relaxed"] | UnsetType = UNSET
    rung: Rung
    latency: Latency = Latency()
    budget_ms: int
    late: bool = False
    degraded: bool = False
    cursor: str | UnsetType = UNSET


class Verdict(Message, frozen=True, kw_only=True, tag="verdict"):
    """What a gate says; `reasons` name label, score and rule."""

    id: str
    channel: str
    action: Action
    labels: dict[str, float] = {}
    reasons: tuple[str, ...] = ()
    rung: Rung
    latency: Latency = Latency()
    late: bool = False
    degraded: bool = False


class Post(Message, frozen=True, kw_only=True, tag="post"):
    """A post that was allowed."""

    channel: str
    post: str
    author: str
    text: str
    cursor: str | UnsetType = UNSET


class Retract(Message, frozen=True, kw_only=True, tag="retract"):
    """What was shown must go: a segment or a post."""

    channel: str
    segment: str | UnsetType = UNSET
    post: str | UnsetType = UNSET
    reason: str
    cursor: str | UnsetType = UNSET


class Review(Message, frozen=True, kw_only=True, tag="review"):
    """A post waits for a moderator; one whose `action` is block is blocked unless they allow it."""

    channel: str
    post: str
    author: str
    text: str
    labels: dict[str, float] = {}
    reasons: tuple[str, ...] = ()
    action: Action = Action.REVIEW
    cursor: str | UnsetType = UNSET


class Decision(Message, frozen=True, kw_only=True, tag="decision"):
    """A moderator has decided; `id` answers the `decide` that asked."""

    id: str | UnsetType = UNSET
    channel: str
    post: str
    action: Action
    by: str
    cursor: str | UnsetType = UNSET


class Gap(Message, frozen=True, kw_only=True, tag="gap"):
    """Audio that was not captioned, in seconds since the channel's first sample."""

    channel: str
    start: float
    end: float
    reason: str


class Stale(Message, frozen=True, kw_only=True, tag="stale"):
    """What is shown is old: a worker or the broker is away; `over` ends it."""

    channel: str
    since_ms: float
    over: bool = False


class Subscribed(Message, frozen=True, kw_only=True, tag="subscribed"):
    """`recovered`: everything since the cursor follows; false: something is lost. A `moderator`
    gets reviews and decisions, and may decide.
    """

    id: str | None
    channel: str
    cursor: str
    recovered: bool
    moderator: bool = False


class Unsubscribed(Message, frozen=True, kw_only=True, tag="unsubscribed"):
    """Nothing more comes from this channel."""

    id: str | None
    channel: str


class Opened(Message, frozen=True, kw_only=True, tag="opened"):
    """Binary frames may come."""

    id: str | None
    channel: str
    epoch: str


class Closed(Message, frozen=True, kw_only=True, tag="closed"):
    """The last final of this audio has been published."""

    id: str | None
    channel: str


class Configured(Message, frozen=True, kw_only=True, tag="configured"):
    """The settings stand."""

    id: str | None
    channel: str


class Pong(Message, frozen=True, kw_only=True, tag="pong"):
    """Here."""

    id: str | None


class Error(Message, frozen=True, kw_only=True, tag="error"):
    """What was found and what was expected."""

    code: str
    message: str
    id: str | None = None


Ordered = Caption | Translation | Post | Retract | Review | Decision
Fact = Ordered | Verdict | Gap
ServerMessage = (
    Fact | Stale | Subscribed | Unsubscribed | Opened | Closed | Configured | Pong | Error
)
Kind = Literal["captions", "translations", "posts", "reviews"]


def is_durable(message: Message) -> bool:
    """True for what a subscriber must not lose: finals, posts, reviews, decisions, retractions."""
    match message:
        case Caption(final=final) | Translation(final=final):
            return final
        case Post() | Retract() | Review() | Decision():
            return True
        case _:
            return False
