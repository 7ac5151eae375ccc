"""`ontime gate` by a policy file: a channel's rules hold, and a mistake in them is one line."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner, Result

from workers.cli import app

FILE = """\
[channels."kids-*"]
lists = ["pests"]

[lists.pests]
words = ["frog"]
except = ["frog prince"]
action = "review"
"""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "200", "NO_COLOR": "1"})


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.toml"
    path.write_text(FILE)
    return path


def test_a_channels_rules_hold(policy: Path) -> None:
    asked = ("gate", "--json", "--engine", "rules", "--policy", str(policy), "--channel")
    found = [orjson.loads(run(*asked, channel, "a fr0g").output) for channel in ("kids-1", "x")]
    assert [verdict["action"] for verdict in found] == ["review", "allow"]
    assert found[0]["reasons"] == ["list pests has 'frog': review"]
    verdict = orjson.loads(run(*asked, "kids-1", "the frog prince").output)
    assert verdict["action"] == "allow"


def test_a_mistake_in_the_file_is_told_with_its_line(policy: Path) -> None:
    policy.write_text(FILE.replace("action", "acton"))
    result = run("gate", "hello", "--engine", "rules", "--policy", str(policy))
    assert result.exit_code == 1
    assert "policy.toml, line 7: lists.pests.acton is unknown, expected one of" in result.stderr


def test_a_server_does_not_start_on_a_mistake(policy: Path) -> None:
    policy.write_text("[defaults]\nlate = 'maybe'\n")
    arguments = ("up", "--port", "0", "--http-port", "0", "--policy", str(policy))
    result = run(*arguments)
    assert result.exit_code == 1
    assert "line 2: defaults.late is 'maybe', expected one of allow, block, hold" in result.stderr


def test_review_has_an_example() -> None:
    assert "Example: ontime review" in run("review", "--help").output
