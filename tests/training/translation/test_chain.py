"""A step that falls over is begun once more, plainly, and goes on where it had come to."""

import argparse
import subprocess
from pathlib import Path

import pytest

from training.translation import chain

TYPED = ["student", "--work", "w", "--seconds", "90", "--device", "cuda"]


class Falling:
    """Stands for the processes: the first falls over, having left a checkpoint or none."""

    def __init__(self, state: Path | None) -> None:
        self.state = state
        self.typed: list[list[str]] = []

    def __call__(self, typed: list[str], processes: int) -> None:
        self.typed.append(typed)
        if len(self.typed) == 1:
            if self.state:
                self.state.parent.mkdir()
                self.state.write_text("{}")
            raise subprocess.CalledProcessError(1, typed)


def test_from_the_start_where_it_left_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Falling(None)
    monkeypatch.setattr(chain, "_run", run)
    chain._insist(TYPED, tmp_path / "student", 1)
    assert run.typed == [TYPED, [*TYPED, "--plain"]]


def test_from_the_checkpoint_it_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Falling(tmp_path / "student" / "state.json")
    monkeypatch.setattr(chain, "_run", run)
    chain._insist(TYPED, tmp_path / "student", 1)
    assert run.typed[1] == [*TYPED, "--plain", "--resume", str(tmp_path / "student")]


def test_other_steps_are_not_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "_run", Falling(None))
    with pytest.raises(subprocess.CalledProcessError):
        chain._insist(["distil", "--seconds", "90"], tmp_path, 1)


def test_the_share_of_real_pairs_reaches_the_student(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = {}
    monkeypatch.setattr(chain, "_insist", lambda given, *_: typed.update({given[0]: given}))
    parser = argparse.ArgumentParser()
    chain.add_all(parser.add_subparsers())
    whole = ["all", "--data", "d", "--work", str(tmp_path), "--device", "cpu"]
    arguments = parser.parse_args([*whole, "--until", "student", "--real", "1"])
    arguments.run(arguments)
    assert typed["student"][-2:] == ["--real", "1.0"]
    assert typed["distil"][-4:] == ["--seconds", "300.0", "--device", "cpu"]


def test_a_second_teacher_is_asked_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[list[str], Path]] = []
    monkeypatch.setattr(chain, "_insist", lambda given, out, _: ran.append((given, out)))
    parser = argparse.ArgumentParser()
    chain.add_all(parser.add_subparsers())
    whole = ["all", "--data", "d", "--work", str(tmp_path), "--device", "cpu"]
    arguments = parser.parse_args([*whole, "--until", "distil", "--wide-seconds", "60"])
    arguments.run(arguments)
    _, (first, at), (second, beside), (distil, _) = ran
    assert (first[0], second[0], distil[0]) == ("teacher", "teacher", "distil")
    assert "--out" not in first
    assert second[second.index("--out") + 1] == str(beside)
    assert [each for each in distil if each.startswith("--teacher=")] == [
        f"--teacher={at}",
        f"--teacher={beside}",
    ]
