"""Channels' settings: what a request sets, and what it leaves."""

from stream.core.records import Settings
from stream.core.requests import Configure, Policy
from stream.core.settings import ChannelSettings, merge


def test_a_channel_without_settings_has_the_defaults() -> None:
    assert ChannelSettings().of("demo") == Settings(channel="demo")


def test_what_a_request_leaves_out_stays() -> None:
    before = Settings(channel="demo", hotwords=("ontime",), policy=Policy(degraded="block"))
    after = merge(before, Configure(channel="demo", filter="mask", glossary={"a": "b"}))
    assert after.hotwords == ("ontime",)
    assert after.policy.degraded == "block"
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
