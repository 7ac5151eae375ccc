"""The locks hold what pyproject.toml asks for, pinned and hashed, and the lean one stays lean."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
LOCKS = {
    "lean": PROJECT["dependencies"],
    "hub": [*PROJECT["dependencies"], *EXTRAS["whisper"], *EXTRAS["hub"]],
    "test": [*PROJECT["dependencies"], *(line for extra in EXTRAS.values() for line in extra)],
}


def lock_text(lock: str) -> str:
    return (ROOT / "requirements" / f"{lock}.txt").read_text()


def pins(lock: str) -> dict[str, str]:
    """Name -> version; a name that is pinned twice would differ between Python versions."""
    found = re.findall(r"^([\w.-]+)==([^\s;]+)", lock_text(lock), re.MULTILINE)
    assert len(found) == len(dict(found)), "a package is pinned twice"
    return dict(found)


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_what_is_asked_for(lock: str) -> None:
    pinned = pins(lock)
    for requirement in map(Requirement, LOCKS[lock]):
        version = pinned.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is not in {lock}.txt: make lock"
        assert requirement.specifier.contains(version), f"{requirement} is pinned to {version}"


@pytest.mark.parametrize("lock", [*LOCKS, "uv", "build"])
def test_every_pin_has_a_hash(lock: str) -> None:
    entries = re.split(r"^(?=[\w.-]+==)", lock_text(lock), flags=re.MULTILINE)[1:]
    assert len(entries) == len(pins(lock))
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("lock", ["lean", "hub"])
def test_a_smaller_lock_agrees_with_the_full_one(lock: str) -> None:
    assert pins(lock).items() <= pins("test").items()


def test_the_lean_install_has_no_large_library() -> None:
    assert pins("lean").keys().isdisjoint({"torch", "transformers", "ctranslate2", "matplotlib"})
