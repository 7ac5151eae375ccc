"""What a publisher wishes to be translated into, and what of it is offered."""

from __future__ import annotations

from collections.abc import Sequence

from stream.core.errors import Unavailable

ALL = "*"
"""A wish for every language that is offered."""
LIMIT = 8
"""Languages of one channel, at most: each is a translation of every partial."""


def chosen(
    language: str, translate: Sequence[str], sources: Sequence[str], targets: Sequence[str]
) -> tuple[str, ...]:
    """Of `translate`, the languages that speech in `language` is translated into, in its order."""
    source = base(language)
    if source not in sources:
        return ()
    wished = targets if ALL in translate else translate
    offered = [each for each in dict.fromkeys(wished) if each in targets and each != source]
    return tuple(offered[:LIMIT])


def check_wish(
    language: str, translate: Sequence[str], sources: Sequence[str], targets: Sequence[str]
) -> None:
    """Raises Unavailable, which names what is offered, where a language is wished for that isn't.

    To wish for all that is offered is never too much, nor are subtitles in the speaker's language.
    """
    if ALL in translate:
        return
    source = base(language)
    missing = [each for each in translate if each not in (*targets, source)]
    if translate and source not in sources:
        told = f"language is {language}, expected one that is translated here: "
        raise Unavailable(told + ", ".join(sources))
    if missing:
        offered = ", ".join(each for each in targets if each != source)
        told = f"translate has {', '.join(missing)}, expected languages offered from {source}: "
        raise Unavailable(told + offered)


def base(language: str) -> str:
    """Without its region: `en` of `en-GB`."""
    return language.partition("-")[0]
