"""The benchmarks of a checkout, run by name: a table, the figures as JSON, and a plot.

A benchmark is a program of the folder `bench` beside the packages that ends in one JSON line. The
folder is no part of an installed Ontime.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from stream.core.errors import OntimeError
from stream.running import notes

ALL = "all"
CHECKOUT = Path(__file__).resolve().parents[1]
_BAR_INCHES = 0.25

Figures = Mapping[str, Any]


class NoBench(OntimeError):
    """A benchmark is not here, or did not end in figures."""

    code = "no_bench"


def names(checkout: Path = CHECKOUT) -> list[str]:
    """The benchmarks that can be run. Raises NoBench where there is no checkout."""
    folder = checkout / "bench"
    if not folder.is_dir():
        raise NoBench(
            f"no folder {folder}: benchmarks come with the project's checkout, where `make install`"
            " puts `ontime` into .venv/bin"
        )
    programs = (path for path in folder.glob("*.py") if "last_line(" in path.read_text())
    return sorted(path.stem for path in programs if '"__main__"' in path.read_text())


def bench(name: str, arguments: Sequence[str], out: Path, checkout: Path = CHECKOUT) -> None:
    """Run one or all; write `NAME.json` and `NAME.svg` into `out`. Raises NoBench.

    `arguments` go to the benchmark. Its own lines go to standard error, the table to standard
    output.
    """
    known = names(checkout)
    if name != ALL and name not in known:
        raise NoBench(f"benchmark is {name}, expected one of {', '.join([*known, ALL])}")
    out.mkdir(parents=True, exist_ok=True)
    for each in known if name == ALL else [name]:
        figures = {**run(each, arguments, checkout), "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%MZ}"}
        Console().print(table(each, figures))
        (out / f"{each}.json").write_text(json.dumps(figures, indent=2) + "\n")
        _draw(each, figures, out / f"{each}.svg")


def run(name: str, arguments: Sequence[str], checkout: Path) -> Figures:
    """The figures in which a benchmark ends. Raises NoBench."""
    command = [sys.executable, "-m", f"bench.{name}", *arguments]
    # the command is this Python and a file of the checkout, found by `names`
    with subprocess.Popen(command, cwd=checkout, stdout=subprocess.PIPE, text=True) as running:  # noqa: S603
        assert running.stdout is not None
        line = ""
        for line in running.stdout:
            print(line, end="", file=sys.stderr)  # noqa: T201
    try:
        figures = json.loads(line)
    except ValueError:
        figures = None
    if running.returncode != 0 or not isinstance(figures, dict):
        raise NoBench(f"bench.{name} ended with {running.returncode} and no figures")
    return figures


def leaves(figures: Any, name: str = "") -> Iterator[tuple[str, float]]:
    """Every number with its path, as `loads.0.p99`; what is no number is left out."""
    if isinstance(figures, Mapping):
        for key, value in figures.items():
            yield from leaves(value, f"{name}.{key}" if name else str(key))
    elif isinstance(figures, list):
        for place, value in enumerate(figures):
            yield from leaves(value, f"{name}.{place}")
    elif isinstance(figures, int | float) and not isinstance(figures, bool):
        yield name, figures


def table(name: str, figures: Figures) -> Table:
    found = Table("figure", "value", title=name, title_justify="left")
    for key, value in leaves(figures):
        found.add_row(key, f"{value:g}")
    return found


def _draw(name: str, figures: Figures, path: Path) -> None:
    """Bars on a logarithmic scale, for the figures span milliseconds and counts."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        notes.print("no plot: matplotlib is not installed; `make test` installs it")
        return
    bars = [(key, value) for key, value in leaves(figures) if value > 0]
    figure = Figure(figsize=(8, 1 + _BAR_INCHES * len(bars)), layout="constrained")
    axes = figure.add_subplot(title=f"{name}, {figures['at']}", xscale="log")
    drawn = axes.barh([key for key, _ in bars], [value for _, value in bars])
    axes.bar_label(drawn, fmt="%g", padding=3)
    axes.invert_yaxis()
    figure.savefig(path)
