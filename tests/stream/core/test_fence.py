from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stream.core.fence import Fence
from stream.core.records import Log, Topic

LOG = Log(Topic.CAPTIONS, 0)


def test_after_a_claim_only_the_claimant_speaks() -> None:
    fence = Fence()
    fence.claim(LOG, "old", 0.0)
    assert fence.admits(LOG, "old", 1.0)
    fence.claim(LOG, "new", 2.0)
    assert not fence.admits(LOG, "old", 3.0)
    assert fence.admits(LOG, "new", 4.0)
    assert fence.dropped == 1


def test_a_claim_holds_however_long_its_owner_is_silent() -> None:
    fence = Fence()
    fence.claim(LOG, "new", 0.0)
    assert not fence.admits(LOG, "old", 1e9)


def test_before_any_claim_the_first_who_is_heard_owns_the_log() -> None:
    fence = Fence()
    assert fence.admits(LOG, "one", 0.0)
    assert not fence.admits(LOG, "two", 1.0)
    assert fence.admits(LOG, "one", 2.0)


def test_who_never_claimed_loses_the_log_by_silence() -> None:
    fence = Fence(silence_s=30)
    assert fence.admits(LOG, "zombie", 0.0)
    assert not fence.admits(LOG, "owner", 30.0)
    assert fence.admits(LOG, "owner", 31.0)
    assert not fence.admits(LOG, "zombie", 32.0)


def test_logs_have_owners_of_their_own() -> None:
    fence = Fence()
    fence.claim(LOG, "a", 0.0)
    fence.claim(Log(Topic.CAPTIONS, 1), "b", 0.0)
    assert fence.admits(Log(Topic.CAPTIONS, 1), "b", 1.0)
    assert fence.admits(LOG, "a", 1.0)


def test_events_and_verdicts_come_from_many() -> None:
    fence = Fence()
    for topic in (Topic.EVENTS, Topic.VERDICTS):
        fence.claim(Log(topic, 0), "a", 0.0)
        assert fence.admits(Log(topic, 0), "b", 1.0)


SAID = st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=30)


@given(SAID, SAID)
def test_whatever_came_before_a_claim_all_gateways_agree_after_it(
    before: list[tuple[str, bool]], after: list[tuple[str, bool]]
) -> None:
    """Gateways that began to read at different points hear the same from the first claim on."""
    early, late = Fence(), Fence()
    for name, is_claim in before:
        (early.claim if is_claim else early.admits)(LOG, name, 0.0)
    for fence in (early, late):
        fence.claim(LOG, "a", 0.0)
    owner = "a"
    for name, is_claim in after:
        if is_claim:
            owner = name
            early.claim(LOG, name, 0.0)
            late.claim(LOG, name, 0.0)
        else:
            heard = early.admits(LOG, name, 0.0)
            assert heard == late.admits(LOG, name, 0.0) == (name == owner)


def test_each_voice_of_a_log_has_an_owner_of_its_own() -> None:
    log, fence = Log(Topic.PARTIALS, 0), Fence()
    fence.claim(log, "captions-1", 0.0)
    fence.claim(log, "translation-1", 0.0, "translations")
    assert fence.admits(log, "captions-1", 1.0)
    assert fence.admits(log, "translation-1", 1.0, "translations")
    assert not fence.admits(log, "translation-1", 1.0)
