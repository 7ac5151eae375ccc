"""Benchmarks by name: what they end in becomes a table, JSON and a plot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workers.benching import ALL, CHECKOUT, NoBench, bench, leaves, names

QUICK = """
import sys
last_line = print  # (a real one takes it from bench.figures)
if __name__ == "__main__":
    print("measuring", *sys.argv[1:])
    last_line('{"bench": "quick", "p50": 2.5, "loads": [{"late": 0}, {"late": 3}], "met": true}')
"""
BROKEN = QUICK.replace("2.5", "")
HELPER = "def last_line(): ..."


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "bench"
    folder.mkdir()
    for name, text in {"quick": QUICK, "broken": BROKEN, "figures": HELPER}.items():
        (folder / f"{name}.py").write_text(text)
    return tmp_path


def test_this_checkouts_are_found() -> None:
    assert {"captions", "fanout", "gate", "latency", "soak"} <= set(names(CHECKOUT))
    assert not {"figures", "readers", "stack"} & set(names(CHECKOUT))


def test_the_figures_are_shown_and_written(
    checkout: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bench("quick", ["--seconds", "1"], tmp_path / "out", checkout)
    shown, told = capfd.readouterr()
    assert "measuring --seconds 1" in told
    rows = [line.split() for line in shown.splitlines()]
    assert ["│", "p50", "│", "2.5", "│"] in rows
    assert ["│", "loads.1.late", "│", "3", "│"] in rows
    written = json.loads((tmp_path / "out" / "quick.json").read_text())
    assert written["loads"] == [{"late": 0}, {"late": 3}]
    assert "<svg" in (tmp_path / "out" / "quick.svg").read_text()


def test_where_there_is_no_checkout_it_says_where_one_comes_from(tmp_path: Path) -> None:
    with pytest.raises(NoBench, match="benchmarks come with the project's checkout"):
        bench(ALL, [], tmp_path, tmp_path)


def test_an_unknown_one_is_answered_by_what_there_is(checkout: Path, tmp_path: Path) -> None:
    with pytest.raises(NoBench, match="benchmark is nothing, expected one of broken, quick, all"):
        bench("nothing", [], tmp_path, checkout)


def test_one_that_ends_without_figures_is_named(checkout: Path, tmp_path: Path) -> None:
    with pytest.raises(NoBench, match=r"bench\.broken ended with 0 and no figures"):
        bench(ALL, [], tmp_path, checkout)


def test_leaves_are_numbers_with_their_path() -> None:
    assert dict(leaves({"a": 1, "b": [{"c": 2.5}], "text": "no", "met": True})) == {
        "a": 1,
        "b.0.c": 2.5,
    }
