"""A translated part of a sentence, without the capital and the stop that a sentence has."""

from __future__ import annotations

import re

_END = re.compile(r"\s*[.!?…]+$")
_DEFINITE = re.compile(r"(?:the|these|those|some|all)\b", re.IGNORECASE)
_ARTICLE = re.compile(r"^(?:des|les|los|las)\s(?=\w)", re.IGNORECASE)
"""Put in front of a plural that stood alone."""
_MARKS = re.compile(r"[¿¡]\s*")
_GERMAN = frozenset(
    """aber ab alle als am an auch auf aus bei bis das dass dem den der des die dies diese du durch
    ein eine einem einen einer er es für gegen haben hat hatte ich ihm ihn ihr ihre im in ist jede
    jeden jeder kann kein keine man mein meine mit nach nicht noch nur ob oder ohne sein seine seit
    sich sie sind so über um und uns unter vom von vor war waren was wenn wer werden wie wir wird wo
    wurde wurden zu zum zur zwischen""".split()
)
"""German writes nouns with a capital: these words surely are none."""


def as_fragment(source: str, said: str, language: str) -> str:
    """`said` with the case and the end of its source, as far as the language goes with that."""
    if not re.search(r"[.!?…]$", source):
        said = _END.sub("", said) or said
    if not re.search(r"[!?]", source):
        said = _MARKS.sub("", said) or said
    if not _DEFINITE.match(source):
        said = _ARTICLE.sub("", said)
    first = re.match(r"\w+", said)
    if not first or not _is_small(source) or (len(first.group()) > 1 and first.group().isupper()):
        return said
    if language == "de" and first.group().lower() not in _GERMAN:
        return said
    return said[0].lower() + said[1:]


def _is_small(source: str) -> bool:
    return source[:1].islower() or bool(re.match(r"[^\w]*[a-z]|I\b", source))
