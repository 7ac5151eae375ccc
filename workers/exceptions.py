"""What a channel's policy never counts: it is taken out before anything looks at a text."""

from __future__ import annotations

from collections import OrderedDict

from stream.core.policies import Policy
from workers.core.phrases import PhraseBook

KEPT = 256


class Exceptions:
    """Compiled exceptions of the policies that asked last."""

    def __init__(self) -> None:
        self._books: OrderedDict[tuple[str, ...], PhraseBook] = OrderedDict()

    def take_out(self, text: str, policy: Policy) -> str:
        """The text with a space for each exception in it."""
        if not (policy.exceptions or policy.lists):
            return text
        excepted = policy.excepted()
        if not excepted:
            return text
        left, at = [], 0
        for match in self._book(excepted).find(text):
            left.append(text[at : match.start])
            at = match.end
        return " ".join([*left, text[at:]])

    def _book(self, excepted: tuple[str, ...]) -> PhraseBook:
        book = self._books.pop(excepted, None) or PhraseBook([("except", excepted)])
        self._books[excepted] = book
        if len(self._books) > KEPT:
            self._books.popitem(last=False)
        return book
