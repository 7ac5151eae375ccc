"""What may be shown on which channel: a moderator's rules, and which of them hold where.

Rules come in three layers, and a later one stands over an earlier one key by key: the book's
defaults, the book's entry for the channel, and what `configure` has set for the running channel.
A label's bounds are merged one by one; every other key is replaced as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal, NamedTuple

from msgspec import UNSET, Meta, Struct, UnsetType, field
from msgspec.structs import asdict, replace

from stream.core.access import matches
from stream.core.errors import Malformed

Fallback = Literal["hold", "block", "allow"]
Filter = Literal["off", "mask", "drop", "flag"]
Label = Literal["toxic", "offensive", "hate", "sexist", "harassment", "threat", "spam"]
Score = Annotated[float, Meta(ge=0, le=1)]
Phrase = Annotated[str, Meta(min_length=1, max_length=100)]
Phrases = Annotated[tuple[Phrase, ...], Meta(max_length=2_000)]
ListName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
ChannelPattern = Annotated[str, Meta(pattern=r"^[A-Za-z0-9*][A-Za-z0-9._:*-]{0,63}$")]

GRAVEST: tuple[Label, ...] = ("hate", "threat")
RARE: dict[str, float] = {"hate": 0.22, "sexist": 0.22}
"""Scores are chances, so those of a rare label are low also where it holds. From these bounds on
both kinds of mistakes weigh about the same (the model's card).
"""
OWN_LIST = "words"
"""The name of the list that a policy's own `words` make."""
MOST_PHRASES = 4_000


class _Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Bounds(_Part, frozen=True, kw_only=True):
    """A label's scores: from `review` on a person decides, from `block` on nobody need to."""

    review: Score | UnsetType = UNSET
    block: Score | UnsetType = UNSET


class Labels(_Part, frozen=True, kw_only=True):
    """Bounds of single labels; what is left out has those of the policy."""

    toxic: Bounds | UnsetType = UNSET
    offensive: Bounds | UnsetType = UNSET
    hate: Bounds | UnsetType = UNSET
    sexist: Bounds | UnsetType = UNSET
    harassment: Bounds | UnsetType = UNSET
    threat: Bounds | UnsetType = UNSET
    spam: Bounds | UnsetType = UNSET

    def given(self) -> dict[str, Bounds]:
        return {name: each for name, each in asdict(self).items() if each is not UNSET}


class WordList(_Part, frozen=True, kw_only=True):
    """Texts of which each calls for `action`; where one is part of an exception it does not."""

    name: ListName
    words: Phrases = ()
    exceptions: Phrases = field(name="except", default=())
    action: Literal["block", "review"] = "block"


class Rules(_Part, frozen=True, kw_only=True):
    """The keys that a book and `configure` share; what is absent is somebody else's to say.

    late         what stands in for a verdict when none came in time
    degraded     what becomes of a text that only a cheaper rung has looked at, and let pass
    fail_closed  labels that a cheaper rung must be sure of: where it would ask a person, the text
                 is blocked, and where it gives no score, the text waits for a person
    review       a label's score from which a person decides
    block        a label's score from which the text is blocked
    labels       both, for single labels
    words        texts that are always blocked
    except       texts that are never counted, whatever they contain
    """

    late: Fallback | UnsetType = UNSET
    degraded: Fallback | UnsetType = UNSET
    fail_closed: tuple[Label, ...] | UnsetType = UNSET
    review: Score | UnsetType = UNSET
    block: Score | UnsetType = UNSET
    labels: Labels | UnsetType = UNSET
    words: Phrases | UnsetType = UNSET
    exceptions: Phrases | UnsetType = field(name="except", default=UNSET)


class PolicyChange(Rules, frozen=True, kw_only=True):
    """What is said of a policy; `lists` are word lists of their own."""

    lists: Annotated[tuple[WordList, ...], Meta(max_length=32)] | UnsetType = UNSET


class Entry(Struct, frozen=True, kw_only=True):
    """What a book says of the channels that `match` (a pattern with *) names; `lists` are those of
    the book, by name, where the policy has none of its own.
    """

    match: ChannelPattern = "*"
    filter: Filter | UnsetType = UNSET
    lists: tuple[ListName, ...] | UnsetType = UNSET
    policy: PolicyChange = PolicyChange()


class Book(Struct, frozen=True, kw_only=True):
    """A moderator's rules for all channels. An entry that names a channel outright comes first,
    else the first one whose pattern matches. Each list is kept once, however many name it.
    """

    defaults: Entry = Entry()
    entries: tuple[Entry, ...] = ()
    lists: tuple[WordList, ...] = ()

    def of(self, channel: str) -> Entry:
        """The entry for a channel; an empty one where there is none."""
        named = (entry for entry in self.entries if entry.match == channel)
        fitting = (entry for entry in self.entries if matches(entry.match, channel))
        return next(named, None) or next(fitting, None) or Entry()

    def said_by(self, entry: Entry) -> PolicyChange:
        """An entry's policy with the lists that it names."""
        if entry.lists is UNSET:
            return entry.policy
        known = {each.name: each for each in self.lists}
        return replace(entry.policy, lists=tuple(known[n] for n in entry.lists if n in known))


class Band(NamedTuple):
    """A label's bounds as they hold: review <= block."""

    review: float
    block: float


class Policy(Struct, frozen=True, kw_only=True):
    """What holds on a channel; the fields are those of `PolicyChange`."""

    late: Fallback = "hold"
    degraded: Fallback = "allow"
    fail_closed: tuple[Label, ...] = GRAVEST
    review: float = 0.5
    block: float = 0.9
    labels: dict[str, Bounds] = {}
    words: tuple[str, ...] = ()
    exceptions: tuple[str, ...] = ()
    lists: tuple[WordList, ...] = ()

    def band(self, label: str) -> Band:
        """A bound that a label leaves out is the policy's, as far as its other one lets it; of rare
        labels `review` is RARE's where the policy's is not lower.
        """
        own = self.labels.get(label, Bounds())
        usual = min(self.review, RARE.get(label, self.review))
        review = usual if own.review is UNSET else own.review
        block = max(self.block, review) if own.block is UNSET else own.block
        return Band(min(review, block), block)

    def word_lists(self) -> tuple[WordList, ...]:
        """All lists, the policy's own words first."""
        return (WordList(name=OWN_LIST, words=self.words), *self.lists)

    def listed(self) -> tuple[str, ...]:
        """Every listed text."""
        return tuple(word for each in self.word_lists() for word in each.words)

    def excepted(self) -> tuple[str, ...]:
        """Every text that is never counted."""
        return (*self.exceptions, *(text for each in self.lists for text in each.exceptions))


def change(policy: Policy, said: PolicyChange) -> Policy:
    """The policy with what is said over it."""
    given = {name: value for name, value in asdict(said).items() if value is not UNSET}
    labels = dict(policy.labels)
    for name, bounds in (given.pop("labels", None) or Labels()).given().items():
        merged = {**asdict(labels.get(name, Bounds())), **_given(bounds)}
        labels[name] = Bounds(**merged)
    return replace(policy, labels=labels, **given)


def resolve(*layers: PolicyChange) -> Policy:
    """What the layers make together, the last one on top."""
    policy = Policy()
    for layer in layers:
        policy = change(policy, layer)
    return policy


def check(policy: Policy, said: PolicyChange) -> None:
    """That a policy makes sense. Raises Malformed, which blames a key of `said`."""
    _check_order("", Band(policy.review, policy.block), _given(said))
    spoken = Labels() if said.labels is UNSET else said.labels
    for name, given in spoken.given().items():
        own = policy.labels[name]
        if own.review is not UNSET and own.block is not UNSET:
            _check_order(f"labels.{name}.", Band(own.review, own.block), _given(given))
    count = len(policy.listed()) + len(policy.excepted())
    if count > MOST_PHRASES:
        blamed = next(key for key in ("lists", "words", "except") if key in _wire_names(said))
        raise Malformed(blamed, f"{count} texts with all lists", f"at most {MOST_PHRASES}")


def _check_order(path: str, band: Band, given: Iterable[str]) -> None:
    if band.review <= band.block:
        return
    if "block" in given:
        raise Malformed(f"{path}block", f"{band.block:g}", f"at least review {band.review:g}")
    raise Malformed(f"{path}review", f"{band.review:g}", f"at most block {band.block:g}")


def _given(said: Struct) -> dict[str, object]:
    return {name: value for name, value in asdict(said).items() if value is not UNSET}


def _wire_names(said: PolicyChange) -> set[str]:
    return {"except" if name == "exceptions" else name for name in _given(said)} | {"lists"}
