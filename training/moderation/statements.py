"""Short statements of our own about groups of people: hate in its usual forms, and its doubles.

Classifiers fail on hate without swear words, on denied praise, on questions and on what only
sounds like hate (the kinds are those that Röttger et al., 2021, describe; every sentence here
is our own). Each form has a double that differs in what makes it hate.
"""

import random
from collections.abc import Callable

from .corpus import Example, values
from .terms import PROTECTED, SLURS, UNPROTECTED, WOMEN, Group

DISLIKED = (
    "I cannot stand {}", "{} make my skin crawl", "the mere sight of {} turns my stomach",
    "I have nothing but contempt for {}", "I feel sick every time {} move in next door",
    "I am so done with {}", "I loathe {} with all my heart", "{} repel me", "I detest {}",
    "everything about {} makes me want to throw up", "I would rather starve than sit next to {}",
    "my blood boils when {} open their mouths", "{} give me the creeps",
    "ugh, {} again, revolting", "I wish I never had to breathe the same air as {}",
    "I despise {} and always will",
)  # fmt: skip
BELITTLED = (
    "{} are born thieves", "{} lie whenever their lips move", "{} are lazy to the bone",
    "{} have no brains at all", "{} smell like a sewer", "{} are too dim to hold a job",
    "{} are cowards and cheats", "you can never trust {}", "{} are perverts, all of them",
    "{} are the dumbest people on earth", "{} are backward and primitive",
    "{} are good for nothing", "{} only want our money", "{} are mentally sick",
    "{} are weak and hysterical", "{} are an embarrassment to this country",
    "{} ruin whatever they touch",
)  # fmt: skip
DEHUMANISED = (
    "{} breed like rats", "{} are a plague", "{} are maggots feeding on our taxes",
    "{} are barely human", "{} are a tumour in our society", "{} crawl out of every gutter",
    "{} are livestock and should be kept like it", "{} are garbage that nobody collected",
    "{} are apes in clothes", "{} infest this town", "{} are subhuman", "{} are leeches",
    "{} are worth less than the dirt on my boots", "{} are a virus", "{} are dogs",
)  # fmt: skip
IMPLIED = (
    "funny how the break-ins began the year {} came here", "this was a nice street before {}",
    "the world would run just fine without {}", "some are made to lead, {} are not",
    "guess who lives off my taxes again: {}", "I lock my car whenever {} walk by",
    "since {} work here, I bring my own lunch", "there is a reason nobody hires {}",
    "history books would be thin if they listed what {} achieved", "we were safer without {}",
    "it takes two brains to think, {} share one", "God made a mistake when he made {}",
    "count your spoons when {} come to dinner", "I would not let {} near my children",
    "of course {} are late again, work is not in their blood", "{} know where the border is",
    "I am all for recycling, let's begin with {}", "nature never meant {} to exist",
)  # fmt: skip
THREATENED = (
    "somebody should burn down the houses of {}", "I will beat up {} wherever I find them",
    "{} had better watch their backs tonight", "I swear I am going to hurt {}",
    "{} should all be hanged", "line {} up against the wall", "{} deserve a bullet each",
    "round {} up and lock them away for good", "{} should be wiped out",
    "next time I meet {} I will break their teeth", "we are coming for {} with bats",
    "throw {} into the sea", "{} need to be beaten until they learn", "gas {}",
    "if {} move in here, their windows will not last", "{} ought to be put down",
)  # fmt: skip
DENIED = (
    "{} will never deserve our respect", "nothing good ever came from {}",
    "{} do not belong in a civilised country", "not one of {} is honest",
    "I have never met {} who were worth my time", "{} are not real citizens",
    "{} cannot be loved by anyone", "nobody needs {}", "{} have no right to vote",
    "{} do not deserve to be treated like us", "{} should not be allowed to have children",
    "{} are not welcome here and never were", "{} aren't people", "{} contribute nothing",
    "you won't find anything nice to say about {}", "{} never did an honest day's work",
    "{} are not normal", "I do not want {} in my school", "{} don't have feelings like us",
    "no decent person would marry {}", "{} are neither clean nor clever",
)  # fmt: skip
ASKED = (
    "why do {} always spoil everything?", "when will {} finally leave?",
    "who let {} out of their cages?", "is there anything more useless than {}?",
    "why are {} so stupid?", "how do we get rid of {}?", "what are {} even good for?",
    "does anybody actually like {}?", "can we please send {} away already?",
    "why should {} have the same rights as us?", "are {} even able to think?",
    "which idiot decided that {} may teach?", "how can anyone bear the stench of {}?",
)  # fmt: skip
FORMS = (DISLIKED, BELITTLED, DEHUMANISED, IMPLIED, THREATENED, DENIED, DENIED, ASKED)
"""Denied praise twice: nothing annotated holds it."""
BEFORE = (
    "if you ask me, ", "I am just being honest: ", "call me old-fashioned, but ",
    "in my opinion ", "let's face it, ", "trust me, ", "I said it before, ", "we all know that ",
    "sorry, but ", "I firmly believe ", "say what you like, ", "fact: ", "newsflash, ", "I bet ",
)  # fmt: skip
AFTER = (
    ", full stop", " and I am not afraid to say it", ", change my mind", " lol", "!!",
    ", everyone knows", " and you know it", ", that is all", " smh", ", as always", "...",
    " #truth", ", end of story",
)  # fmt: skip
THEY = (
    "there are {} at the bus stop again. ", "my boss hired {}. ",
    "we had {} over for dinner once. ", "I know some {}, ",
    "they show {} on television all day. ", "{} run that shop, ", "you keep defending {}, ",
    "I used to live next to {}. ", "do not get me started on {}. ",
)  # fmt: skip
"""What follows says `they`."""
REJECTED = (
    "calling {} vermin says more about you than about them", "your last post about {} was vile",
    "you cannot insult {} like that and expect applause",
    "what you wrote about {} is racist, delete it",
    "saying that {} should be deported is disgusting", "people who look down on {} make me sad",
    "whoever attacks {} attacks all of us", "stop blaming {} for your own failures",
    "hatred against {} has no place in our club", "the way he talks about {} is shameful",
    "nobody should be allowed to threaten {} like that",
    "comparing {} to animals is dehumanising", "your jokes about {} are not funny, they hurt",
    "I blocked him for insulting {}", "slurs against {} get you banned here",
    "it is wrong to say that {} are all criminals", "I will not stand by while you bully {}",
    "how dare you speak of {} like that", "she called out her uncle for mocking {}",
    "thinking that {} are inferior is plain ignorance",
    "to wish {} dead is evil, and you should be ashamed", "we march tonight against hate for {}",
    "claiming {} do not belong here is un-american",
    "you must be really insecure to hate {} so much",
)  # fmt: skip
DEFENDED = (
    "{} are not the problem", "nobody should hate {}", "I would never hurt {}", "I don't hate {}",
    "{} are no criminals", "{} aren't lazy, that is a myth", "it is not true that {} are stupid",
    "there is nothing wrong with {}", "{} do not deserve this abuse",
    "I never said {} were dirty", "no, {} are neither stupid nor dangerous",
    "not all {} are the same, do not judge them", "{} should never be treated as second class",
    "{} are not animals", "we can't blame {} for this", "I couldn't dislike {} less",
    "I have no problem with {}", "{} must not be attacked",
    "you can't say that all {} are terrorists", "I am not afraid of {}",
    "{} aren't a burden at all",
)  # fmt: skip
WELCOMED = (
    "{} are welcome here", "I love {}", "{} enrich our town",
    "we hired two {} and they are great", "many {} live in this part of the city",
    "my neighbours are {}", "{} deserve equal rights", "the film tells the story of {}",
    "{} founded this hospital", "happy holidays to all {}",
    "a survey among {} was published today", "do {} celebrate the new year in spring?",
    "the law protects {} from discrimination", "I learned so much from {}", "{} rock",
    "let's make this a place where {} feel at home", "{} are as smart as anybody else",
    "I think {} are wonderful", "the museum shows the art of {}", "{} voted in large numbers",
    "it is hard for {} to find a flat", "respect to {} everywhere", "{} have been through a lot",
)  # fmt: skip
RECLAIMED = (
    "proud {} here", "we {}s look after each other", "this {} just got married, wish me luck",
    "my fellow {}s, see you at the parade", "I am a {} and I love my life",
    "yes I am a {}, so what", "what's up my {}", "love you, my {}s",
    "us {}s have always been fabulous", "{} and happy",
    "as a {} myself I find this song so empowering", "{}s of the world, be yourselves",
    "they called me a {} in school, today I wear it with pride", "I'm the tallest {} in my band",
    "me and my {}s are off to the beach", "that's right, I'm your favourite {}",
)  # fmt: skip
HOMONYMS = (
    "our maine coon cat sleeps all day", "a raccoon, or coon, got into the bins",
    "spick and span", "there is a chink in his armour",
    "light came through a chink in the curtain", "call a spade a spade",
    "the old dyke keeps the sea out", "they walked along the dyke", "faggots and peas for lunch",
    "a bundle of twigs is called a faggot", "bring cheese and a cracker",
    "the fire-retardant curtains", "yeast growth is retarded by cold",
    "a nip in the air this morning", "the dog gave me a nip", "it was a queer feeling to be back",
    "the slope was too steep for skiing", "fag means cigarette in london",
    "he went out for a fag and a coffee", "wild honky-tonk music all night",
    "a guinea fowl ran over the road", "digging with a spade in the garden",
    "the gypsy moth is a pest", "his bitch had five puppies", "the vet says the bitch is healthy",
    "a tranny is a gearbox in my trade",
)  # fmt: skip
INSULTED = (
    "you are a born liar", "you stupid piece of dirt", "go home, you useless clown",
    "shut up, moron", "my brother is such a pig", "you disgust me", "he is a rat and a coward",
    "I hate you so much", "I will beat you up, dave",
    "you make me sick, kevin", "she is the most annoying person I know", "drop dead",
    "what a worthless idiot you are",
)  # fmt: skip

Rng = random.Random


def hateful(rng: Rng) -> Example:
    """About a group, by its name or by a slur, or about `them` after it was named."""
    group = rng.choice(PROTECTED)
    name = f"{rng.choice(SLURS)}s" if rng.random() < 0.3 else _named(group, rng)
    statement = rng.choice(rng.choice(FORMS))
    known = {"hate": 1.0, "threat": float(statement in THREATENED), "spam": 0.0}
    if name.split()[-1] in WOMEN:
        known["sexist"] = 1.0
    return Example(_said(statement, name, rng), values(known), "statement")


def about_others(rng: Rng) -> Example:
    """The same of trades, things and animals: not hate."""
    name = rng.choice(UNPROTECTED).plural
    return _harmless(_said(rng.choice(rng.choice(FORMS)), name, rng))


def defended(rng: Rng) -> Example:
    """The group is named, and hate is rejected, denied or absent."""
    name = _named(rng.choice(PROTECTED), rng)
    statement = rng.choice(rng.choice((REJECTED, REJECTED, DEFENDED, DEFENDED, WELCOMED)))
    return _harmless(_dressed(statement.format(name), rng))


def without_group(rng: Rng) -> Example:
    """A slur by those it was made for, its other meanings, and insults at one person."""
    kinds: tuple[Callable[[], str], ...] = (
        lambda: rng.choice(RECLAIMED).format(rng.choice(SLURS)),
        lambda: rng.choice(RECLAIMED).format(rng.choice(SLURS)),
        lambda: rng.choice(HOMONYMS),
        lambda: rng.choice(INSULTED),
    )
    text = _dressed(rng.choice(kinds)(), rng)
    return Example(text, values({"hate": 0.0, "sexist": 0.0, "spam": 0.0}), "statement")


def _named(group: Group, rng: Rng) -> str:
    many = ("", "", "", "these ", "all ", "those ")
    return rng.choice(many) + group.plural.removeprefix("the ")


def _said(statement: str, name: str, rng: Rng) -> str:
    if rng.random() < 0.2:
        return rng.choice(THEY).format(name) + _dressed(_of_them(statement), rng)
    return _dressed(statement.format(name), rng)


def _of_them(statement: str) -> str:
    begins = statement.startswith("{}") or " do {}" in statement or " are {}" in statement
    return statement.format("they" if begins else "them")


def _dressed(text: str, rng: Rng) -> str:
    chance = rng.random()
    if chance < 0.2:
        return rng.choice(BEFORE) + text
    return text + rng.choice(AFTER) if chance < 0.35 else text


def _harmless(text: str) -> Example:
    known = dict.fromkeys(("hate", "sexist", "harassment", "threat", "spam"), 0.0)
    return Example(text, values(known), "statement")
