"""The shipped captions model, loaded once for all tests of a process."""

from __future__ import annotations

from functools import cache

from workers.engines.conformer.encoder import Encoder
from workers.engines.conformer.model import Model
from workers.engines.conformer.rescoring import Rescorer, make_rescorer
from workers.engines.conformer.words import Vocabulary


@cache
def model() -> Model:
    return Model()


@cache
def vocabulary() -> Vocabulary:
    return Vocabulary(model())


@cache
def encoder() -> Encoder:
    return Encoder(model().graph)


@cache
def rescorer() -> Rescorer:
    made = make_rescorer(model())
    assert made is not None
    return made
