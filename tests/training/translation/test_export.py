import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")
pytest.importorskip("onnxscript")

import torch

from training.translation.beam import Search
from training.translation.export import (
    WEIGHTS,
    WeightsFile,
    dequantise_rows,
    quantise_graphs,
    quantise_rows,
)
from training.translation.graphs import write_graphs
from training.translation.model import Translator
from training.translation.recover import recover, save_recovered
from training.translation.search import beam, draft, greedy, verify
from training.translation.session import Graphs, Memory, pad
from training.translation.shape import Shape
from training.translation.shortlist import Shortlist
from training.translation.steps import load_translator

# exporting takes long where much else runs
pytestmark = pytest.mark.timeout(600)
SHAPE = Shape(512, 32, 2, 1, 32, 2, 32, 1, 32)
SOURCES = [[4, 9, 10, 11, 2], [5, 300, 301, 12, 13, 14, 15, 2], [6, 500, 2]]


@pytest.fixture(scope="module")
def net() -> Translator:
    torch.manual_seed(1)
    made = Translator(SHAPE).eval()
    with torch.no_grad():
        made.table.mul_(4)
        for parameter in made.parameters():  # equal constants would be written once
            parameter.add_(torch.randn_like(parameter), alpha=0.02)
    return made


@pytest.fixture(scope="module")
def folder(net: Translator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("graphs")
    with warnings.catch_warnings():
        # the exporter's own
        warnings.simplefilter("ignore")
        sources = write_graphs(net, made / "float32")
    quantise_graphs(sources, made / "whole", eight_bits=False)
    quantise_graphs(sources, made / "small")
    return made


@pytest.fixture(scope="module")
def whole(folder: Path) -> Graphs:
    return Graphs(folder / "whole")


@pytest.fixture(scope="module")
def small(folder: Path) -> Graphs:
    return Graphs(folder / "small")


@torch.no_grad()
def test_graphs_say_what_the_network_says(net: Translator, whole: Graphs) -> None:
    tokens, length = map(torch.from_numpy, pad(SOURCES))
    memory = whole.encode(SOURCES)
    states = net.encode(tokens, length)
    for i, n in enumerate(length):
        np.testing.assert_allclose(memory.states[i, :n], states[i, :n], atol=1e-5)
    drafts = net.draft(states, length)
    for said, found in (
        (drafts.inner, whole.sketch(memory).ids),
        (drafts.final, whole.draft(memory)),
    ):
        best = (said @ net.table.T).argmax(-1)
        for i, n in enumerate(2 * length):
            assert found[i, :n].tolist() == best[i, :n].tolist()
            assert not found[i, n:].any()


@torch.no_grad()
def test_shipped_weights_come_back_but_for_the_rounding(
    net: Translator, folder: Path, tmp_path: Path
) -> None:
    save_recovered(tmp_path, recover(folder / "small"), 7)
    found = load_translator(tmp_path)
    assert found.shape == SHAPE
    wanted = net.state_dict()
    for name, value in found.state_dict().items():
        wrong = (value - wanted[name]).abs().max() / wanted[name].abs().max().clamp(min=1e-3)
        assert wrong < 0.02, name


@torch.no_grad()
def test_the_library_runs_what_whole_numbers_stand_for(net: Translator, small: Graphs) -> None:
    tokens, length = map(torch.from_numpy, pad(SOURCES))
    states = net.encode(tokens, length).numpy()
    found = small.encode(SOURCES).states
    for i, n in enumerate(length):
        wrong = np.linalg.norm(found[i, :n] - states[i, :n]) / np.linalg.norm(states[i, :n])
        assert wrong < 0.03


def test_neighbours_change_not_one_bit(small: Graphs) -> None:
    together = small.encode(SOURCES)
    sketches, drafts = small.sketch(together).ids, small.draft(together)
    decoded = small.decode(np.full((3, 2), 9), together, *small.empty_past(together))
    for i, source in enumerate(SOURCES):
        alone = small.encode([source])
        assert (alone.states[0] == together.states[i, : len(source)]).all()
        frames = 2 * len(source)
        assert (small.sketch(alone).ids[0] == sketches[i, :frames]).all()
        assert (small.draft(alone)[0] == drafts[i, :frames]).all()
        step = small.decode(np.full((1, 2), 9), alone, *small.empty_past(alone))
        assert (step.ids[0] == decoded.ids[i]).all()
        assert (step.scores[0] == decoded.scores[i]).all()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(8, 511), max_size=12), st.integers(0, 2))
def test_verifying_any_draft_gives_what_greedy_gives(
    whole: Graphs, drafted: list[int], which: int
) -> None:
    memory = whole.encode([SOURCES[which]])
    wanted = greedy(whole, memory)
    assert verify(whole, memory, drafted).ids == wanted
    best = verify(whole, memory, wanted)
    assert best.accepted == len(wanted)


@torch.no_grad()
def test_both_beams_find_the_same(net: Translator, whole: Graphs) -> None:
    for source in SOURCES:
        tokens, length = map(torch.from_numpy, pad([source]))
        wanted = Search([net], tokens, length, 4).run()[0]
        memory = whole.encode([source])
        allowed = [0, 1, 3, 4, 5, 6, 7]
        found = beam(whole, memory)
        if not set(found) & set(allowed):
            assert found == wanted


def test_shared_weights_lie_in_the_file_once(folder: Path) -> None:
    small_bytes = (folder / "small" / WEIGHTS).stat().st_size
    table_bytes = SHAPE.pieces * SHAPE.width
    rest = sum(p.numel() for p in Translator(SHAPE).parameters()) - table_bytes
    # a byte each, scales, and whatever is no weight of a product
    assert small_bytes < 1.35 * (table_bytes + rest)
    content = (folder / "small" / WEIGHTS).read_bytes()
    file = WeightsFile()
    assert file.place(content) == file.place(content) == 0


def test_whole_numbers_are_close_and_zero_rows_stay_zero() -> None:
    rows = np.random.default_rng(0).normal(size=(5, 64)).astype(np.float32)
    rows[2] = 0
    back = dequantise_rows(*quantise_rows(rows))
    assert np.linalg.norm(back - rows) / np.linalg.norm(rows) < 0.015
    assert not back[2].any()


def test_a_draft_is_made_of_frames(small: Graphs) -> None:
    memory: Memory = small.encode(SOURCES[:1])
    assert len(draft(small, memory)) <= 2 * len(SOURCES[0])


@torch.no_grad()
def test_a_shortlist_of_all_pieces_changes_no_draft(
    net: Translator, whole: Graphs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.translation.shortlist.LISTED", SHAPE.pieces)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sources = write_graphs(net, tmp_path / "float32", Shortlist(net))
    quantise_graphs(sources, tmp_path / "listed", eight_bits=False)
    found, wanted = (g.draft(g.encode(SOURCES)) for g in (Graphs(tmp_path / "listed"), whole))
    assert (found == wanted).all()


@torch.no_grad()
def test_a_shortlist_holds_the_blank_and_no_padding_decides_it(net: Translator) -> None:
    listed = Shortlist(net)
    tokens, length = map(torch.from_numpy, pad(SOURCES))
    scores = listed(net.encode(tokens, length), length)
    alone = listed(net.encode(tokens[2:, :3], length[2:]), length[2:])
    torch.testing.assert_close(scores[2:], alone)
    assert (listed.ids(net.encode(tokens, length), length) == 0).any(1).all()
