"""Getting and running Apache Kafka, where it can't be had; the rest is shown by who uses it."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.kafka import Broker, Cluster, Unavailable, ensure_commands, fetch, free_ports

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 30.0


def nothing(name: str) -> None:
    """No command is on the path."""


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", nothing)
    with pytest.raises(Unavailable, match="java and mvn not found, and no right to install"):
        ensure_commands()


def test_packages_are_installed_by_root_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def only_apt(name: str) -> str | None:
        return name if name == "apt-get" else None

    monkeypatch.setattr(shutil, "which", only_apt)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Unavailable, match="no right to install"):
        ensure_commands()


def test_a_cache_is_used_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.kafka.VERSION", "1.0")
    monkeypatch.setattr("scripts.kafka.ensure_commands", lambda: None)
    (tmp_path / "1.0").mkdir()
    assert fetch(tmp_path) == tmp_path / "1.0"


def test_ports_differ() -> None:
    assert len(set(free_ports(20))) == 20


def test_a_broker_that_ends_tells_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "java").write_text("#!/bin/sh\necho disk is full\nexit 1\n")
    (commands / "java").chmod(0o755)
    monkeypatch.setenv("PATH", str(commands), prepend=os.pathsep)
    broker = Broker(tmp_path, tmp_path / "1", 1, 0, {})
    broker.start()
    with pytest.raises(Unavailable, match="broker 1 ended: disk is full"):
        broker.wait_ready()
    broker.kill()
    with pytest.raises(RuntimeError, match="broker 1 is not running"):
        broker.pause()


def test_a_cluster_that_cannot_start_leaves_nothing_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "java").write_text("#!/bin/sh\necho no room >&2\nexit 1\n")
    (commands / "java").chmod(0o755)
    monkeypatch.setenv("PATH", str(commands), prepend=os.pathsep)
    monkeypatch.setattr("scripts.kafka.fetch", lambda: tmp_path)
    cluster = Cluster(tmp_path, 3)
    with pytest.raises(Unavailable, match="java ended with 1: no room"):
        cluster.start()
    assert len(cluster.bootstrap.split(",")) == 3
    for broker in cluster.brokers:
        with pytest.raises(RuntimeError):
            broker.pause()


STARTING = """
import signal, sys
from pathlib import Path
from scripts.kafka import Broker
folder = Path(sys.argv[1])
broker = Broker(folder, folder / "1", 1, 0, {})
broker.start()
print(broker.pid, flush=True)
signal.pause()
"""


def test_a_broker_does_not_outlive_whoever_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "java").write_text("#!/bin/sh\nexec sleep 600\n")
    (tmp_path / "java").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    command = [sys.executable, "-c", STARTING, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        broker = os.pidfd_open(int(starter.stdout.readline()))
        starter.kill()
        starter.wait()
        assert select.select([broker], [], [], PATIENCE_S)[0] == [broker]
        os.close(broker)
