"""Names of groups of people, and of what is no protected group, to be put in each other's place.

Own lists, made from what equality laws name (race, nationality, religion, sex, orientation,
gender identity, disability, age), not from any test set.
"""

import random
import re
from typing import NamedTuple


class Group(NamedTuple):
    """How one group is called: `muslims`, `a muslim`, `muslim people`."""

    plural: str
    singular: str
    adjective: str


def _people(*adjectives: str) -> tuple[Group, ...]:
    return tuple(Group(f"{a} people", f"{a} person", a) for a in adjectives)


def _nouns(*singulars: str) -> tuple[Group, ...]:
    return tuple(Group(f"{s}s", s, s) for s in singulars)


PROTECTED = (
    Group("women", "woman", "female"),
    Group("girls", "girl", "female"),
    Group("females", "female", "female"),
    Group("trans women", "trans woman", "trans"),
    Group("trans men", "trans man", "trans"),
    Group("gays", "gay", "gay"),
    Group("gay men", "gay man", "gay"),
    Group("blacks", "black", "black"),
    Group("the chinese", "chinese", "chinese"),
    Group("gypsies", "gypsy", "gypsy"),
    Group("the elderly", "elderly person", "elderly"),
    Group("the disabled", "disabled person", "disabled"),
    Group("people with disabilities", "person with a disability", "disabled"),
    Group("wheelchair users", "wheelchair user", "disabled"),
    *_nouns("muslim", "jew", "christian", "hindu", "sikh", "buddhist", "atheist", "catholic"),
    *_nouns("immigrant", "migrant", "refugee", "foreigner", "asylum seeker", "lesbian"),
    *_nouns("african", "asian", "arab", "mexican", "indian", "pakistani", "turk", "russian"),
    *_nouns("latino", "nigerian", "somali", "syrian", "haitian", "filipino"),
    *_people("black", "brown", "gay", "trans", "transgender", "queer", "bisexual", "deaf", "blind"),
    *_people("disabled", "autistic", "muslim", "jewish", "asian", "african", "arab", "chinese"),
    *_people("mentally ill", "native", "roma", "polish", "vietnamese", "latin american"),
)
WOMEN = frozenset({"women", "woman", "female", "females", "girls", "girl"})

SLURS = (
    "nigger", "nigga", "spic", "beaner", "wetback", "coon", "chink", "gook", "kike", "paki",
    "raghead", "towelhead", "faggot", "fag", "dyke", "tranny", "homo", "queer", "retard", "cripple",
    "spastic", "gypsy", "negro", "bitch", "whore", "slut", "cunt", "hoe", "mong", "spaz",
)  # fmt: skip
"""Singular; the plural ends in s. Insults of groups, of women among them."""

UNPROTECTED = (
    *_nouns("landlord", "banker", "lobbyist", "spammer", "burglar", "hooligan", "bully"),
    *_nouns("plumber", "accountant", "umpire", "goalkeeper", "publisher", "economist", "poet"),
    *_nouns("billionaire", "monopolist", "smuggler", "fraudster", "vandal", "hacker", "striker"),
    *_nouns("printer", "raincoat", "algorithm", "sandwich", "keyboard", "tractor", "kettle"),
    *_nouns("weed", "wasp", "slug", "beetle", "pigeon", "flea", "germ", "nettle", "tick"),
    *_nouns("reptilian", "vampire", "orc", "zombie", "robot", "clown", "hater", "liar"),
)

_SOURCE_PLURALS = {g.plural for g in PROTECTED} | {
    "negroes", "chicks", "feminists", "illegals", "ladies", "mexicans", "non-whites", "homosexuals",
    "israelis", "palestinians", "iraqis", "afghans", "transgenders", "lesbians", "africans",
}  # fmt: skip
_SOURCE_SINGULARS = {g.singular for g in PROTECTED} | {
    "negro", "feminist", "lady", "homosexual", "chick", "non-white",
}  # fmt: skip
_EVERYDAY = {"brown", "blind", "deaf", "native", "polish", "queer"}
_ADJECTIVES = {g.adjective for g in PROTECTED} - _EVERYDAY | {"jewish", "islamic", "homosexual"}
_TERMS = sorted(_SOURCE_PLURALS | _SOURCE_SINGULARS | _ADJECTIVES, key=len, reverse=True)
_BY_LETTER = {
    first: "|".join(re.escape(t[1:]) for t in _TERMS if t[0] == first)
    for first in sorted({t[0] for t in _TERMS})
}
_TERM = re.compile(
    rf"\b({'|'.join(f'{first}(?:{rest})' for first, rest in _BY_LETTER.items())})\b", re.IGNORECASE
)
_ARTICLE = re.compile(r"\b(an?) (\w)", re.IGNORECASE)


def terms_of(text: str) -> list[str]:
    """The groups that a text names, lower case, in order."""
    return [found.lower() for found in _TERM.findall(text)]


def swap_terms(text: str, groups: tuple[Group, ...], rng: random.Random) -> str:
    """Each named group by another one of `groups`, the same for the same name."""
    chosen: dict[str, Group] = {}

    def other(found: re.Match[str]) -> str:
        term = found[1].lower()
        group = chosen.setdefault(_root(term), rng.choice(groups))
        return _form(term, group)

    return _mend_articles(_TERM.sub(other, text))


def replace_once(text: str, phrase: str) -> str:
    """The first named group by `phrase`."""
    return _mend_articles(_TERM.sub(phrase, text, count=1))


def _root(term: str) -> str:
    return term.removesuffix("s").removesuffix(" people").removesuffix(" person")


def _form(term: str, group: Group) -> str:
    if term in _SOURCE_PLURALS:
        return group.plural
    if term in _SOURCE_SINGULARS and term not in _ADJECTIVES:
        return group.singular
    return group.adjective


def _mend_articles(text: str) -> str:
    return _ARTICLE.sub(lambda m: f"{'an' if m[2].lower() in 'aeiou' else 'a'} {m[2]}", text)
