"""The scripted engine by names that a command line can give; each factory is a task of its own."""

from __future__ import annotations

from tests.support.scripted import Scripted, make_engine

CAPTIONS = "tests.end_to_end.engines:captions"
SLOW_CAPTIONS = "tests.end_to_end.engines:slow_captions"
SLOWER_CAPTIONS = "tests.end_to_end.engines:slower_captions"
MODERATION = "tests.end_to_end.engines:moderation"
TRANSLATION = "tests.end_to_end.engines:translation"


def captions() -> Scripted:
    return make_engine("captions")


def slow_captions() -> Scripted:
    """Slow enough that a signal meets it at work."""
    return make_engine("captions", delay_s=0.2)


def slower_captions() -> Scripted:
    """So slow that its worker waits ten seconds before it believes that it hangs."""
    return make_engine("captions", delay_s=1.2)


def moderation() -> Scripted:
    return make_engine("moderation")


def translation() -> Scripted:
    return make_engine("translation")
