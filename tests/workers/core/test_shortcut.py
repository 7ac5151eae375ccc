"""Drafts are made where they save more than they cost, and where there is hurry."""

from workers.core.shortcut import TRY_EVERY, Shortcut


def learned(*, draft_ms: float, step_ms: float, stood: float) -> Shortcut:
    shortcut = Shortcut()
    shortcut.drafted(20, 20 * draft_ms / 1000)
    shortcut.stepped(1, step_ms / 1000)
    shortcut.stood(stood)
    return shortcut


def test_what_nothing_is_known_of_is_tried() -> None:
    assert Shortcut().wants_draft(20, 1, None)


def test_a_draft_must_save_more_than_it_costs() -> None:
    assert learned(draft_ms=0.5, step_ms=1.0, stood=0.8).wants_draft(20, 1, None)
    assert not learned(draft_ms=0.9, step_ms=1.0, stood=0.8).wants_draft(20, 1, None)
    assert not learned(draft_ms=0.5, step_ms=1.0, stood=0.4).wants_draft(20, 1, None)
    assert not learned(draft_ms=0.5, step_ms=1.0, stood=0.8).wants_draft(80, 4, None)


def test_in_a_hurry_there_is_always_a_draft_to_fall_back_on() -> None:
    dear = learned(draft_ms=2.0, step_ms=1.0, stood=0.8)
    assert dear.wants_draft(20, 1, 0.05)
    assert not dear.wants_draft(20, 1, 0.07)


def test_drafts_are_tried_again_now_and_then() -> None:
    dear = learned(draft_ms=2.0, step_ms=1.0, stood=0.8)
    tried = [dear.wants_draft(20, 1, None) for _ in range(3 * TRY_EVERY)]
    assert sum(tried) == 3


def test_newer_measurements_count_more() -> None:
    shortcut = learned(draft_ms=2.0, step_ms=1.0, stood=0.8)
    for _ in range(40):
        shortcut.drafted(20, 20 * 0.0001)
    assert shortcut.wants_draft(20, 1, None)
