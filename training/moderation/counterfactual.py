"""Training texts changed so that what makes the label is changed, or everything else.

Without them a model learns that whoever names a group is hateful. All forms are made from
training texts and from the frames below, which are our own; no test set was looked at.
"""

import random
import re
from collections.abc import Iterator, Sequence

from .corpus import LABELS, Example, values
from .terms import PROTECTED, UNPROTECTED, WOMEN, replace_once, swap_terms, terms_of

AGAINST = (
    'whoever writes "{}" has understood nothing',
    'I reported a comment that said "{}" because nobody should have to read that',
    "'{}' is exactly the kind of prejudice we have to stand up to",
    'my uncle told us "{}" and the whole table told him how wrong he is',
    'how can a grown man still believe that "{}"? it is shameful nonsense',
    "posts like '{}' will be removed from this forum, be respectful",
    'the article explains why the slogan "{}" is false and harmful',
    "they shouted '{}' at my neighbour yesterday, and it broke my heart",
    'no, "{}" is not an opinion, it is bigotry',
    'she was fired after she tweeted "{}", and rightly so',
    "saying '{}' should have consequences",
    "people who think {} should talk to their neighbours for once",
    "imagine being so bitter that you believe {}",
    "the teacher explained to us that '{}' is a lie told by racists",
    "stop it. '{}' is not a joke, it hurts real people",
    "we sued him for printing '{}', and we won",
    "he used to think {}, until he met my family",
    'I am ashamed that a member of parliament can say "{}" without an outcry',
)
FOR = (
    'whoever writes "{}" has understood everything',
    "everybody knows it: {}",
    "my uncle always says '{}' and he is right",
    'I said "{}" and the whole table agreed, because it is the truth',
    'why is nobody allowed to say "{}" any more? it is simply true',
    "sorry not sorry, {}",
    '"{}" is not bigotry, it is a fact',
    "people who do not see that {} should open their eyes",
    "imagine being so naive that you do not believe {}",
    "the teacher lied to us. the truth is: {}",
    "he used to be one of the good guys, now even he says {}",
    "I will keep posting '{}' until you all wake up",
)
INTENSIFIERS = ("fucking", "fuckin", "damn", "goddamn", "bloody", "freaking", "shitty", "crappy")
EXCLAMATIONS = ("shit,", "fuck,", "damn,", "holy shit,", "fuck yes,", "oh crap,", "what the fuck,")
PRAISED = (
    "so proud to be {}",
    "my best friend is {} and I love them to bits",
    "happy to see {} represented in the new season",
    "being {} is nothing to be ashamed of",
    "thank you to everyone who is {} and shows up every day",
    "as somebody who is {} I loved this film",
)
_BLANK_BEFORE = re.compile(r"\b(the|a|my|this|that|your|our|so|very|his|her) (?=[a-z])")
_IS = re.compile(r"\b(are|is) (?!not\b|n't|no\b|never\b|n t\b)(?=[a-z])", re.IGNORECASE)
_NEGATED = re.compile(
    r"\b(not|no|never|none|nobody|nothing|without|dont|cant|\w+n't|n 't)\b", re.IGNORECASE
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
LONGEST_QUOTE = 110
LONGEST_CLAUSE_WORDS = 16
LEAST_SENTENCE_WORDS = 3

Rng = random.Random


def swapped(example: Example, rng: Rng) -> Example:
    """Other groups are named. Hate stays hate; whether it is sexist depends on who is named now."""
    text = swap_terms(example.text, PROTECTED, rng)
    was, now = WOMEN & {*terms_of(example.text)}, WOMEN & {*terms_of(text)}
    changes = {} if bool(was) == bool(now) else {"sexist": float("nan")}
    return _relabelled(example, text, changes)


def unprotected(example: Example, rng: Rng) -> Example:
    """No group of people is named but things, animals, trades: rude perhaps, not hate."""
    text = swap_terms(example.text, UNPROTECTED, rng)
    known = {"hate": 0.0, "sexist": 0.0, "harassment": 0.0, "spam": 0.0}
    return Example(text, values(known), "unprotected")


def denounced(text: str, rng: Rng) -> Example:
    """Somebody quotes hate in order to reject it."""
    known = {"hate": 0.0, "sexist": 0.0, "harassment": 0.0, "threat": 0.0, "spam": 0.0}
    return Example(_framed(text, AGAINST, rng), values(known), "denounced")


def endorsed(example: Example, rng: Rng) -> Example:
    """Somebody quotes hate and agrees: the frames alone must not decide."""
    return example._replace(text=_framed(example.text, FOR, rng), source="endorsed")


def quoted_neutral(text: str, rng: Rng) -> Example:
    """A harmless sentence in either frame."""
    known = {"hate": 0.0, "sexist": 0.0, "threat": 0.0, "spam": 0.0}
    return Example(_framed(text, AGAINST + FOR, rng), values(known), "quoted")


def negated(text: str) -> Example | None:
    """`x are y` -> `x are not y`, where nothing else is negated; None where that can't be done."""
    if _NEGATED.search(text) or len(_IS.findall(text)) != 1:
        return None
    known = {"hate": 0.0, "sexist": 0.0, "threat": 0.0, "spam": 0.0}
    return Example(_IS.sub(r"\1 not ", text), values(known), "negated")


def sworn(text: str, rng: Rng) -> Example:
    """A harmless sentence with a swear word: offensive perhaps, not hate."""
    word = rng.choice(INTENSIFIERS)
    places = list(_BLANK_BEFORE.finditer(text))
    if places:
        place = rng.choice(places).end()
        text = f"{text[:place]}{word} {text[place:]}"
    else:
        text = f"{rng.choice(EXCLAMATIONS)} {text}"
    known = {"hate": 0.0, "sexist": 0.0, "harassment": 0.0, "threat": 0.0, "spam": 0.0}
    return Example(text, values(known), "sworn")


def praised(slurs: Sequence[str], rng: Rng) -> Example:
    """A group, or a name it has taken back, spoken of with pride."""
    group = rng.choice(PROTECTED)
    name = (
        f"a {rng.choice(slurs)}"
        if rng.random() < 0.3
        else rng.choice((f"a {group.singular}", group.adjective))
    )
    known = {"hate": 0.0, "sexist": 0.0, "harassment": 0.0, "threat": 0.0, "spam": 0.0}
    return Example(rng.choice(PRAISED).format(name), values(known), "praised")


def clauses(examples: Sequence[Example]) -> list[Example]:
    """Short sentences of hateful texts that name exactly one group: hate in few words."""
    return [e._replace(text=s) for e in examples if e.is_positive("hate") for s in _short(e.text)]


def _short(text: str) -> Iterator[str]:
    for sentence in _SENTENCE_END.split(text):
        if 3 <= len(sentence.split()) <= LONGEST_CLAUSE_WORDS and len(terms_of(sentence)) == 1:
            yield sentence


def sentences_of(text: str) -> list[str]:
    """The sentences of a text that has several."""
    found = [s for s in _SENTENCE_END.split(text) if len(s.split()) >= LEAST_SENTENCE_WORDS]
    return found if len(found) > 1 else []


def with_slur(example: Example, slurs: Sequence[str], rng: Rng) -> Example:
    """A group's name by a slur: hate stays hate."""
    slur = rng.choice(slurs)
    return _relabelled(example, replace_once(example.text, f"{slur}s"), {"sexist": float("nan")})


def prefix(example: Example, rng: Rng) -> Example:
    """The beginning of a text as it is being written; a positive's labels need most of it."""
    words = example.text.split()
    least = 1 if example.is_clean() else round(0.7 * len(words))
    kept = rng.randint(min(max(least, 1), len(words)), max(len(words), 1)) if words else 0
    return example._replace(text=" ".join(words[:kept]))


def _framed(text: str, frames: Sequence[str], rng: Rng) -> str:
    return rng.choice(frames).format(text.strip().rstrip("."))


def _relabelled(example: Example, text: str, changes: dict[str, float]) -> Example:
    labels = dict(zip(LABELS, example.labels, strict=True)) | changes
    return example._replace(text=text, labels=values(labels))
