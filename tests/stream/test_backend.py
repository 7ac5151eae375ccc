"""Backends: rates by bearer, and errors with their status."""

import pytest

from stream.backend import BackendLimits, Rates, error_of
from stream.core.errors import TooMany
from stream.core.messages import Error


def test_each_bearer_has_a_rate_of_its_own() -> None:
    rates = Rates(BackendLimits(texts_per_s=1, texts_burst=2))
    rates.take("ann", 2, 0.0)
    rates.take("bob", 2, 0.0)
    with pytest.raises(TooMany, match="more than 1 texts a second"):
        rates.take("ann", 1, 0.5)
    rates.take("ann", 1, 1.0)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("unavailable", 501),
        ("engine_missing", 501),
        ("engine_lost", 503),
        ("bus_full", 503),
        ("overloaded", 503),
        ("malformed", 409),
        ("never heard of", 503),
    ],
)
def test_an_error_that_was_told_has_its_status_again(code: str, status: int) -> None:
    error = error_of(Error(code=code, message="why", id="1"))
    assert error.status == status
    assert str(error) == "why"
