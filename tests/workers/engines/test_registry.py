"""What an operator types finds its engine, its model and its options."""

from __future__ import annotations

from typing import Any

import pytest

from stream.core.errors import EngineError, EngineMissing
from workers.engines.registry import ENGINES, find_engine, make_engine

WHISPER = ENGINES["whisper"].factory
OWN = "tests.support.scripted:make_engine"


@pytest.mark.parametrize(
    ("name", "factory", "options"),
    [
        ("whisper", WHISPER, {}),
        ("whisper:small.en", WHISPER, {"model": "small.en"}),
        ("whisper:/some/folder", WHISPER, {"model": "/some/folder"}),
        ("whisper?beam=1", WHISPER, {"beam": 1}),
        (
            "whisper:small?language=de&verbatim=true&beam=2",
            WHISPER,
            {"model": "small", "language": "de", "verbatim": True, "beam": 2},
        ),
        (OWN, OWN, {}),
        (f"{OWN}?task=captions&delay_s=0.5", OWN, {"task": "captions", "delay_s": 0.5}),
    ],
)
def test_a_name_stands_for_a_factory_and_options(
    name: str, factory: str, options: dict[str, Any]
) -> None:
    assert find_engine(name, "captions") == (factory, options)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("rules", "no captions engine 'rules'"),
        ("conformer:large", "no captions engine 'conformer:large'"),
        ("", "no captions engine was named"),
        ("whisper?beam", "engine option is 'beam', expected name=value"),
        ("whisper?be-am=1", "engine option is 'be-am=1'"),
    ],
)
def test_what_is_no_engine_is_told(name: str, told: str) -> None:
    with pytest.raises(EngineMissing, match=told):
        find_engine(name, "captions")


def test_an_option_that_an_engine_does_not_take_is_named() -> None:
    with pytest.raises(EngineError, match=r"options task, beem: .*'beem'"):
        make_engine(OWN, {"task": "captions", "beem": 1})
