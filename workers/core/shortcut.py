"""Whether a draft is worth its price: on some machines plain steps are sooner done.

Both ways give the same text. A draft costs its own pass and saves the steps of those tokens that
stand; what each of these takes, and how much stands, is learned from the runs themselves.
"""

from __future__ import annotations

WEIGHT = 0.1
"""Of the newest measurement in an average."""
TRY_EVERY = 50
"""Without drafts nothing more would be learned of them: every so many runs one is made anyway."""


class Average:
    """An exponential moving average; None before the first value."""

    def __init__(self) -> None:
        self.value: float | None = None

    def add(self, value: float) -> None:
        self.value = value if self.value is None else self.value + WEIGHT * (value - self.value)


class Shortcut:
    """Told seconds; sentences in a run share each step of the decoder."""

    def __init__(self) -> None:
        self._draft = Average()
        self._step = Average()
        self._stood = Average()
        self._since = 0

    def drafted(self, tokens: int, seconds: float) -> None:
        """A draft was made for so many source tokens in all."""
        self._draft.add(seconds / max(tokens, 1))

    def stepped(self, rows: int, seconds: float) -> None:
        """The decoder has read one token in each of `rows` sentences."""
        self._step.add(seconds / rows)

    def stood(self, share: float) -> None:
        """So much of a draft stood in the first pass."""
        self._stood.add(share)

    def drafts_sooner(self, tokens: int, left: int) -> bool:
        """Whether a sentence of so many source tokens is drafted before the decoder has said the
        `left` ones that it has not said yet.
        """
        draft, step = self._draft.value, self._step.value
        return draft is None or step is None or tokens * draft < left * step

    def wants_draft(self, tokens: int, rows: int, left_s: float | None) -> bool:
        """For `rows` sentences of `tokens` in all. A draft is also what there is when time runs
        out, so it is done without only where plain steps leave two thirds of the time.
        """
        self._since += 1
        draft, step, stood = self._draft.value, self._step.value, self._stood.value
        if draft is None or step is None or stood is None or self._since >= TRY_EVERY:
            self._since = 0
            return True
        steps_s = tokens * step
        if left_s is not None and left_s < 3 * steps_s:
            return True
        # in a batch the sentence whose draft stands least decides; half is lost to that at worst
        saved_s = steps_s * stood / (1 if rows == 1 else 2)
        return saved_s > tokens * draft
