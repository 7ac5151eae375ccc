"""What holds on a channel: the policy file under what moderators have set."""

import pytest

from stream.core.errors import Malformed
from stream.core.policies import Book, Entry, Policy, PolicyChange
from stream.core.records import Settings
from stream.core.requests import Configure
from stream.core.settings import ChannelSettings, InForce, merge

BOOK = Book(
    defaults=Entry(filter="flag", policy=PolicyChange(late="block", review=0.4)),
    entries=(Entry(match="kids-*", filter="mask", policy=PolicyChange(review=0.2)),),
)


def test_a_channel_without_settings_has_the_defaults() -> None:
    assert ChannelSettings().of("demo") == InForce((), {}, "off", Policy())


def test_what_a_request_leaves_out_stays() -> None:
    before = Settings(channel="demo", hotwords=("ontime",), policy=PolicyChange(late="block"))
    after = merge(before, Configure(channel="demo", filter="mask", glossary={"a": "b"}))
    assert after.hotwords == ("ontime",)
    assert after.policy.late == "block"
    assert (after.filter, after.glossary) == ("mask", {"a": "b"})


def test_what_a_request_empties_is_empty() -> None:
    before = Settings(channel="demo", hotwords=("ontime",))
    assert merge(before, Configure(channel="demo", hotwords=())).hotwords == ()


def test_the_channels_are_bounded() -> None:
    settings = ChannelSettings(limit=2)
    for name in ("a", "b", "a", "c"):
        settings.put(Settings(channel=name, filter="mask"))
    assert len(settings) == 2
    assert settings.of("a").filter == "mask"
    assert settings.of("b").filter == "off"


def test_the_files_entry_stands_over_its_defaults_and_a_moderator_over_both() -> None:
    settings = ChannelSettings()
    settings.put(BOOK)
    other, kids = settings.of("news"), settings.of("kids-1")
    assert (other.filter, other.policy.late, other.policy.review) == ("flag", "block", 0.4)
    assert (kids.filter, kids.policy.late, kids.policy.review) == ("mask", "block", 0.2)
    settings.put(Settings(channel="kids-1", filter="off", policy=PolicyChange(late="allow")))
    kids = settings.of("kids-1")
    assert (kids.filter, kids.policy.late, kids.policy.review) == ("off", "allow", 0.2)


def test_a_new_file_holds_at_once_under_what_moderators_have_set() -> None:
    settings = ChannelSettings()
    settings.put(Settings(channel="kids-1", policy=PolicyChange(block=0.7)))
    assert settings.of("kids-1").policy.review == 0.5
    settings.put(BOOK)
    found = settings.of("kids-1").policy
    assert (found.review, found.block) == (0.2, 0.7)


def test_an_empty_policy_and_a_null_filter_leave_it_to_the_file_again() -> None:
    settings = ChannelSettings()
    settings.put(BOOK)
    settings.put(Settings(channel="kids-1", filter="off", policy=PolicyChange(review=0.9)))
    settings.put(settings.merged(Configure(channel="kids-1", filter=None, policy=PolicyChange())))
    found = settings.of("kids-1")
    assert (found.filter, found.policy.review) == ("mask", 0.2)


def test_a_request_that_makes_no_sense_over_the_file_is_refused() -> None:
    settings = ChannelSettings()
    settings.put(BOOK)
    request = Configure(channel="kids-1", policy=PolicyChange(block=0.1))
    with pytest.raises(Malformed, match=r"policy\.block is 0\.1, expected at least review 0\.2"):
        settings.merged(request)


def test_what_holds_is_the_same_object_until_it_changes() -> None:
    settings = ChannelSettings()
    first = settings.of("a")
    settings.put(Settings(channel="b", filter="mask"))
    assert settings.of("a") is first
    settings.put(Book())
    assert settings.of("a") is not first
