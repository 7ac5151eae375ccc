"""Speculative decoding: greedy decoding's text in fewer passes, and always spliceable."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from workers.core.speculative import RELAXED, STRICT, Best, Speculation, Steps, decode

END, START, LIMIT, VOCABULARY = 0, 1, 24, 12

tokens = st.lists(st.integers(2, VOCABULARY - 1), max_size=LIMIT)
seeds = st.integers(0, 2**32 - 1)


class Model:
    """A random autoregressive model: a recurrent state that every token turns and adds to."""

    def __init__(self, seed: int) -> None:
        chance = np.random.default_rng(seed)
        self.inputs = chance.normal(size=(VOCABULARY, 8)).astype(np.float32)
        self.turn = chance.normal(size=(8, 8)).astype(np.float32) / 2
        self.outputs = chance.normal(size=(8, VOCABULARY)).astype(np.float32)

    def step(self, state: NDArray[np.float32], token: int) -> NDArray[np.float32]:
        turned: NDArray[np.float32] = np.tanh(state @ self.turn + self.inputs[token])
        return turned

    def logits(self, state: NDArray[np.float32]) -> NDArray[np.float32]:
        logits: NDArray[np.float32] = state @ self.outputs
        logits[START] = -np.inf
        return logits


class Reader:
    """A model's decoder: a state for each token that is kept."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.states = [np.zeros(8, np.float32)]
        self.passes = 0
        self._last = 0

    def read(self, tokens: Sequence[int]) -> Best:
        self.passes += 1
        self._last = len(self.states)
        for token in tokens:
            self.states.append(self.model.step(self.states[-1], token))
        logits = np.stack([self.model.logits(state) for state in self.states[self._last :]])
        best = np.argsort(-logits, axis=1)[:, :3]
        return Best(best, np.take_along_axis(logits, best, axis=1))

    def keep(self, count: int) -> None:
        del self.states[self._last + count :]


def greedy(model: Model, prefix: Sequence[int] = ()) -> list[int]:
    """One token a step, with the library's usual loop."""
    said = list(prefix)
    state = np.zeros(8, np.float32)
    for token in (START, *prefix):
        state = model.step(state, token)
    while len(said) < LIMIT and (token := int(np.argmax(model.logits(state)))) != END:
        said.append(token)
        state = model.step(state, token)
    return said


def speculation(draft: Sequence[int], **options: object) -> Speculation:
    return Speculation(draft, start=START, end=END, limit=LIMIT, **options)  # type: ignore[arg-type]


@settings(max_examples=40)
@given(seeds, tokens)
def test_strict_verification_of_any_draft_is_greedy_decoding(seed: int, draft: list[int]) -> None:
    model = Model(seed)
    assert decode(speculation(draft), Reader(model), lambda: True) == greedy(model)


@settings(max_examples=40)
@given(seeds, st.data())
def test_a_draft_that_is_nearly_right_takes_few_passes(seed: int, data: st.DataObject) -> None:
    """One wrong token costs its repair, and what follows until the draft is met again."""
    model = Model(seed)
    right = greedy(model)
    draft = list(right)
    if draft:
        place = data.draw(st.integers(0, len(draft) - 1))
        draft[place] = data.draw(st.integers(2, VOCABULARY - 1))
    reader = Reader(model)
    assert decode(speculation(draft), reader, lambda: True) == right
    assert reader.passes <= 1 + -(-len(right) // 16) + len(right)
    exact = Reader(model)
    assert decode(speculation(right), exact, lambda: True) == right
    assert exact.passes == 1


@settings(max_examples=40)
@given(seeds, tokens, tokens)
def test_a_prefix_opens_the_text_whatever_the_decoder_thinks(
    seed: int, prefix: list[int], rest: list[int]
) -> None:
    model = Model(seed)
    found = decode(speculation(prefix + rest, prefix=prefix), Reader(model), lambda: True)
    assert found == greedy(model, prefix)


@settings(max_examples=40)
@given(seeds, tokens, st.integers(0, 8))
def test_a_splice_is_what_was_accepted_and_then_the_rest_of_the_draft(
    seed: int, draft: list[int], passes: int
) -> None:
    model = Model(seed)
    told = speculation(draft)
    left = iter(range(passes))
    spliced = decode(told, Reader(model), lambda: next(left, None) is not None)
    accepted, right = told.tokens, greedy(model)
    assert right[: len(accepted)] == accepted == spliced[: len(accepted)]
    rest = spliced[len(accepted) :]
    assert told.done or rest == (draft[len(draft) - len(rest) :] if rest else [])


@settings(max_examples=40)
@given(seeds, tokens)
def test_every_pass_brings_one_token_at_least_and_counts_what_stood(
    seed: int, draft: list[int]
) -> None:
    told, reader = speculation(draft), Reader(Model(seed))
    before = -1
    while not told.done:
        assert len(told.tokens) > before
        before = len(told.tokens)
        reader.keep(told.take(reader.read(told.feed())))
    assert told.passes == reader.passes <= len(told.tokens) + 1
    assert told.accepted + told.repaired == len(told.tokens)
    assert told.first <= told.accepted


def best(*rows: dict[int, float]) -> Best:
    """For each token read: log-probabilities of the best that may follow."""
    ordered = [sorted(row.items(), key=lambda each: -each[1])[:3] for row in rows]
    ids = np.array([[token for token, _ in row] for row in ordered])
    return Best(ids, np.array([[score for _, score in row] for row in ordered], np.float32))


def test_relaxed_acceptance_lets_a_near_miss_stand_and_strict_does_not() -> None:
    near = best({5: -0.5, 6: -1.2, 7: -4.0}, {8: -0.1, END: -3.0, 9: -4.0})
    strict, relaxed = speculation([6]), speculation([6], acceptance=RELAXED)
    strict.take(near)
    assert strict.tokens == [5]
    relaxed.take(near)
    assert relaxed.tokens == [6, 8]


def test_relaxed_acceptance_ends_where_the_draft_ends_if_that_is_nearly_best() -> None:
    thought = best({6: -0.5, 5: -3.0, 7: -4.0}, {8: -0.5, END: -1.0, 9: -4.0})
    for acceptance, text in ((STRICT, [6, 8]), (RELAXED, [6])):
        told = speculation([6], acceptance=acceptance)
        told.take(thought)
        assert told.tokens == text
    plain = speculation([], acceptance=RELAXED)
    plain.take(best({8: -0.5, END: -1.0, 9: -4.0}))
    assert plain.tokens == [8]  # nobody proposed the end


def test_the_draft_is_met_again_behind_an_insertion_and_behind_an_omission() -> None:
    told = speculation([3, 4, 5, 6, 7])
    told.take(best(*({token: 0.0, 10: -9.0, 8: -9.5} for token in (3, 9, 11, 11, 11, 11))))
    assert (told.tokens, told.feed()) == ([3, 9], [9])
    told.take(best({4: 0.0, 10: -9.0, 8: -9.5}))
    assert told.feed() == [4, 5, 6, 7]
    told.take(best(*({token: 0.0, 10: -9.0, 8: -9.5} for token in (6, 11, 11, 11))))
    assert told.feed() == [6, 7]
    assert told.spliced() == [3, 9, 4, 6, 7]


def test_no_step_begins_that_would_end_behind_the_deadline() -> None:
    steps = Steps(guard_s=0.01)
    assert steps.fit(0.1)
    assert not steps.fit(0.01)
    steps.took(0.03)
    steps.took(0.02)
    assert steps.fit(0.05)
    assert not steps.fit(0.04)
    assert steps.fit(None)


@given(st.floats(0, 1), st.lists(st.floats(0, 0.2), min_size=1, max_size=30))
def test_what_fits_is_done_in_time_unless_a_step_is_the_longest_yet(
    left_s: float, lengths: list[float]
) -> None:
    steps, longest = Steps(), 0.0
    for length in lengths:
        if not steps.fit(left_s):
            return
        left_s -= length
        assert left_s >= 0 or length > longest
        longest = max(longest, length)
        steps.took(length)
