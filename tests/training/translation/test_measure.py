"""What `measure` says of the shipped graphs, on a test set of two sentences."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

pytest.importorskip("torch")

from training.translation.measure import report_graphs
from training.translation.options import RUNGS
from workers.engines.registry import TRANSLATION

LINES = "Where is the station?\tWo ist der Bahnhof?\ttatoeba\nI am tired.\tIch bin müde.\ttatoeba\n"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    (folder / "translation").mkdir()
    path = folder / "translation" / "test.tatoeba.en-de.tsv.xz"
    with lzma.open(path, "wt", encoding="utf-8") as file:
        file.write(LINES)
    return folder


def test_each_rung_and_what_was_accepted(data: Path) -> None:
    *lines, accepted = list(report_graphs(TRANSLATION, data, ["test.tatoeba"], 10))[
        : len(RUNGS) + 1
    ]
    assert [line.split(":")[0].split()[-1] for line in lines] == list(RUNGS)
    assert "BLEU 100.0" in lines[RUNGS.index("verified")]
    assert accepted.startswith("test.tatoeba de: ")
    assert accepted.endswith("passes a text")


def test_only_the_rungs_that_are_asked_for(data: Path) -> None:
    lines = list(report_graphs(TRANSLATION, data, ["test.tatoeba"], 1, rungs=["draft"]))
    assert lines[0].startswith("test.tatoeba de draft: BLEU ")
    assert not any("accepted" in line for line in lines)
