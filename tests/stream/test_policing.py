"""The policy file: laid down for all, read again when it changes, refused with its line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

import pytest

from stream.adapters.clock import AnchoredClock
from stream.configuring import Configurator
from stream.core import wire
from stream.core.policies import Policy
from stream.core.records import Log, Topic
from stream.core.settings import ChannelSettings
from stream.policing import BadFile, PolicyFile, policy_of
from tests.support.askers import FailingBus

GOOD = "[defaults]\nlate = 'block'\n"
BETTER = "[defaults]\nlate = 'allow'\n"
BAD = "[defaults]\n\nlate = 'perhaps'\n"


class House:
    """A policy file, the gateway that was given it, and the bus."""

    def __init__(self, folder: Path, text: str = GOOD) -> None:
        self.path = folder / "policy.toml"
        self.changes = 0
        self.write(text)
        self.bus = FailingBus(AnchoredClock(), "here", partitions=2)
        self.settings = ChannelSettings()
        self.file = PolicyFile(self.path, Configurator(self.bus, self.settings))

    def write(self, text: str) -> None:
        self.path.write_text(text, encoding="utf-8")
        self.changes += 1
        os.utime(self.path, (self.changes, self.changes))

    @property
    def late(self) -> str:
        return self.settings.of("any").policy.late

    async def laid_down(self) -> list[str]:
        """What `late` the rules in the log have; it keeps the newest."""
        logs = [Log(Topic.POLICIES, partition) for partition in range(2)]
        reader = await self.bus.tail(logs, 1e9)
        records = (await reader.read(100, 0)).records
        await reader.close()
        found = ChannelSettings()
        told = []
        for record in records:
            found.put(wire.decode_settings(record))
            told.append(found.of("any").policy.late)
        return cast(list[str], told)


async def test_the_rules_reach_all_who_read_the_log(tmp_path: Path) -> None:
    house = House(tmp_path)
    assert await house.file.lay_down()
    assert (house.late, await house.laid_down()) == ("block", ["block"])
    assert house.file.laid_down.is_set()


async def test_a_changed_file_holds_without_a_restart(tmp_path: Path) -> None:
    house = House(tmp_path)
    await house.file.lay_down()
    assert not await house.file.look()
    house.write(BETTER)
    assert await house.file.look()
    await house.file.lay_down()
    assert (house.late, await house.laid_down()) == ("allow", ["allow"])


async def test_a_mistake_is_refused_and_the_old_rules_stay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    house = House(tmp_path)
    await house.file.lay_down()
    house.write(BAD)
    assert not await house.file.look()
    await house.file.lay_down()
    assert (house.late, await house.laid_down()) == ("block", ["block"])
    assert house.file.statistics() == {"loaded": 1, "refused": 1}
    assert "line 3: defaults.late is 'perhaps'" in "".join(capsys.readouterr())
    assert not await house.file.look()
    house.write(BETTER)
    assert await house.file.look()


async def test_a_file_that_is_gone_leaves_the_old_rules(tmp_path: Path) -> None:
    house = House(tmp_path)
    await house.file.lay_down()
    house.path.unlink()
    assert not await house.file.look()
    assert house.late == "block"


async def test_rules_wait_for_a_bus_that_is_away(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.bus.fault = "gone"
    assert not await house.file.lay_down()
    assert not house.file.laid_down.is_set()
    house.bus.fault = ""
    assert await house.file.lay_down()
    assert house.late == "block"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (BAD.encode(), r"policy\.toml, line 3: defaults\.late is 'perhaps', expected one of"),
        (b"\xff", "cannot be read"),
        (None, "cannot be read: no such file"),
    ],
)
def test_at_the_start_a_mistake_ends_it(tmp_path: Path, content: bytes | None, told: str) -> None:
    path = tmp_path / "policy.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadFile, match=told):
        policy_of(str(path), "any")


def test_without_a_file_the_defaults_hold() -> None:
    assert policy_of("", "any") == Policy()
