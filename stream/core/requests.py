"""What clients ask: the messages from client to server.

Times are milliseconds. A text has at most 16,000 code points, an id or cursor 128, a channel 64.
A field that the protocol does not know is refused, so that a mistyped option is never ignored.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from stream.core.offers import LIMIT
from stream.core.policies import Filter, Phrase, PolicyChange

Id = Annotated[str, Meta(min_length=1, max_length=128)]
ChannelName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$")]
Text = Annotated[str, Meta(max_length=16_000)]
Name = Annotated[str, Meta(max_length=128)]
Language = Annotated[str, Meta(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35)]
SourceLanguage = Annotated[
    str, Meta(pattern=r"^(auto|[a-z]{2,3}(-[A-Za-z0-9]{2,8})*)$", max_length=35)
]
Wish = Annotated[str, Meta(pattern=r"^(\*|[a-z]{2,3}(-[A-Za-z0-9]{2,8})*)$", max_length=35)]
BudgetMs = Annotated[int, Meta(ge=10, le=60_000)]
SampleRate = Annotated[int, Meta(ge=8_000, le=48_000)]

Kind = Literal["captions", "translations", "posts", "reviews"]
Encoding = Literal["pcm_s16le", "opus"]

CAPTION_BUDGET_MS = 200
TRANSLATION_BUDGET_MS = 300
GATE_BUDGET_MS = 100
KINDS: tuple[Kind, ...] = ("captions", "translations", "posts", "reviews")


class Request(Struct, frozen=True, kw_only=True, tag_field="type", forbid_unknown_fields=True):
    """Root of what a client sends; `id` comes back with the answer."""

    id: Id | None = None


class Subscribe(Request, frozen=True, kw_only=True, tag="subscribe"):
    """Listen to a channel, from `since` (a cursor) where one is given.

    `reviews` (posts that wait, and decisions) go to moderators only, whatever `kinds` says.
    """

    channel: ChannelName
    kinds: Annotated[tuple[Kind, ...], Meta(max_length=4)] = KINDS
    languages: Annotated[tuple[Language, ...], Meta(max_length=32)] | None = None
    since: Id | None = None
    partials: bool = True


class Unsubscribe(Request, frozen=True, kw_only=True, tag="unsubscribe"):
    """Listen no longer."""

    channel: ChannelName


class Open(Request, frozen=True, kw_only=True, tag="open"):
    """This connection publishes audio on the channel; binary frames follow.

    `translate`: languages of its subtitles, or `*` for all that are offered (eight at most).
    """

    channel: ChannelName
    sample_rate: SampleRate = 16_000
    encoding: Encoding = "pcm_s16le"
    language: Language = "en"
    translate: Annotated[tuple[Wish, ...], Meta(max_length=LIMIT)] = ()
    budget_ms: BudgetMs = CAPTION_BUDGET_MS


class Close(Request, frozen=True, kw_only=True, tag="close"):
    """End of audio: the open segment is finished, then `closed`."""

    channel: ChannelName


class Gate(Request, frozen=True, kw_only=True, tag="gate"):
    """Judge a text; exactly one verdict comes back by the deadline."""

    id: Id
    channel: ChannelName
    text: Text
    author: Name = ""
    post: Id | None = None
    budget_ms: BudgetMs = GATE_BUDGET_MS
    publish: bool = False


class Decide(Request, frozen=True, kw_only=True, tag="decide"):
    """A moderator's word on a post in review."""

    channel: ChannelName
    post: Id
    action: Literal["allow", "block"]


class Configure(Request, frozen=True, kw_only=True, tag="configure"):
    """A moderator's settings for a running channel; what is absent stays as it is.

    `policy` and `filter` stand over the policy file; `{}` and null leave it to the file again.
    """

    channel: ChannelName
    hotwords: Annotated[tuple[Phrase, ...], Meta(max_length=200)] | UnsetType = UNSET
    glossary: Annotated[dict[Phrase, Phrase], Meta(max_length=200)] | UnsetType = UNSET
    filter: Filter | UnsetType | None = UNSET
    policy: PolicyChange | UnsetType = UNSET


class Translate(Request, frozen=True, kw_only=True, tag="translate"):
    """Translate a text; exactly one translation comes back. `auto`: from whatever it is in."""

    id: Id
    text: Text
    source: SourceLanguage = "en"
    target: Language
    budget_ms: BudgetMs = TRANSLATION_BUDGET_MS


class Ping(Request, frozen=True, kw_only=True, tag="ping"):
    """Is anybody there?"""


ClientMessage = (
    Subscribe | Unsubscribe | Open | Close | Gate | Decide | Configure | Translate | Ping
)
