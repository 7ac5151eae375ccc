"""The compose file and the Dockerfile, read against what they name; they are not run here."""

from __future__ import annotations

import re
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from typer.testing import CliRunner

from scripts.kafka import VERSION
from stream.config import Config

ROOT = Path(__file__).resolve().parents[1]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = sorted(set(SERVICES) - {"kafka"})
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_all_roles_run_from_one_image() -> None:
    assert OURS == ["captions", "gateway", "moderation", "topics", "translation"]
    assert {SERVICES[name]["image"] for name in OURS} == {"ontime"}
    assert {SERVICES[name]["build"] for name in OURS} == {"."}


@pytest.mark.parametrize("name", OURS)
def test_each_command_is_one_of_ours(name: str) -> None:
    app = import_module("workers.cli").app
    command = SERVICES[name]["command"]
    shown = CliRunner(env={"COLUMNS": "200"}).invoke(app, [*command, "--help"])
    assert shown.exit_code == 0, shown.output
    # a group shows its own help for a command that it lacks; a role is an argument
    assert command[-1] in shown.output


@pytest.mark.parametrize("name", OURS)
def test_each_variable_is_a_setting(name: str) -> None:
    settings = {f"ONTIME_{field}".upper() for field in Config.__struct_fields__}
    assert set(SERVICES[name]["environment"]) <= settings
    assert SERVICES[name]["environment"]["ONTIME_KAFKA"] == "kafka:9092"


def test_no_secret_is_written_down() -> None:
    for name, service in SERVICES.items():
        for variable, value in service["environment"].items():
            if re.search("SECRET|TOKEN|PASSWORD|KEY$", variable):
                assert value.startswith(f"${{{variable}:?"), (name, variable)


def test_who_waits_waits_for_something_that_tells() -> None:
    for name in OURS:
        for other, wait in SERVICES[name]["depends_on"].items():
            if wait["condition"] == "service_healthy":
                assert SERVICES[other]["healthcheck"]["test"][0] == "CMD"
            else:
                assert wait["condition"] == "service_completed_successfully"
                assert SERVICES[other]["command"] == ["topics", "create"]


def test_the_ports_are_those_of_the_settings() -> None:
    config = Config()
    ports = [str(mapping).rsplit(":", 1)[-1] for mapping in SERVICES["gateway"]["ports"]]
    assert ports == [str(config.port), str(config.http_port)]
    assert f"EXPOSE {' '.join(ports)}" in DOCKERFILE


def test_volumes_are_declared() -> None:
    used = {mount.split(":")[0] for mount in SERVICES["kafka"]["volumes"]}
    assert used == set(COMPOSE["volumes"])


def test_the_broker_is_the_one_that_the_tests_run_on() -> None:
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{VERSION}"


def test_the_image_copies_what_is_there_and_what_the_context_lets_through() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line[0] == "!"}
    for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE):
        for source in line.split()[:-1]:
            assert source.split("/")[0] in allowed
            assert (ROOT / source).exists() or source == "README.md"


def test_the_image_takes_hashed_packages_only_and_runs_as_nobody_special() -> None:
    lines = DOCKERFILE.replace("\\\n", "").splitlines()
    steps = [step for line in lines for step in line.split("&&") if "pip install" in step]
    assert len(steps) == 3
    assert all("--require-hashes" in step or "--no-deps" in step for step in steps)
    users = re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE)
    assert users == ["ontime"]


def test_lines_go_on_where_they_say_so() -> None:
    for line, following in pairwise(DOCKERFILE.splitlines()):
        assert not line.endswith("\\") or following.startswith("    ")
