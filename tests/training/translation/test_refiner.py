"""Better drafts: what is sure stays, and edits by the book turn any draft into its target."""

import pytest

pytest.importorskip("torch")

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.translation.alignment import common_places, packed_left
from training.translation.decode import draft
from training.translation.editor import MOST_MISSING, Editor, _missing, _opened, edit
from training.translation.model import Translator
from training.translation.pieces import BLANK, END, MASK, TAGS
from training.translation.refiner import Refiner, draft_pieces, refine
from training.translation.shape import Shape

SOURCE = torch.tensor([[TAGS["de"], 270, 280, 281, END], [TAGS["fr"], 271, END, 0, 0]])
LENGTH = torch.tensor([5, 3])
ROWS = st.lists(st.integers(8, 12), min_size=1, max_size=MOST_MISSING)


@pytest.fixture(scope="module")
def net() -> Translator:
    torch.manual_seed(1)
    made = Translator(Shape(300, 32, 2, 1, 64, 2, 64, 2, 64)).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.3)
    return made


@torch.no_grad()
def test_a_draft_on_the_device_is_the_draft(net: Translator) -> None:
    tokens, sure, count = draft_pieces(net, net.encode(SOURCE, LENGTH), LENGTH)
    found = [row[:n] for row, n in zip(tokens.tolist(), count.tolist(), strict=True)]
    assert found == draft(net, SOURCE, LENGTH)
    assert ((sure > 0) == (tokens != BLANK)).all()


@torch.no_grad()
def test_what_is_sure_stays(net: Translator) -> None:
    assert refine(Refiner(net).eval(), SOURCE, LENGTH, 3, unsure=0.0) == draft(net, SOURCE, LENGTH)


@torch.no_grad()
def test_what_is_unsure_is_filled_in_as_many_passes_as_one_likes(net: Translator) -> None:
    drafted = draft(net, SOURCE, LENGTH)
    for passes in (1, 2, 9):
        found = refine(Refiner(net).eval(), SOURCE, LENGTH, passes, unsure=2.0)
        assert [len(row) for row in found] == [len(row) for row in drafted]
        assert not any(MASK in row for row in found)


@settings(max_examples=60, deadline=None)
@given(ROWS, ROWS)
def test_edits_by_the_book_turn_a_draft_into_its_target(said: list[int], meant: list[int]) -> None:
    draft_row = torch.tensor([said + [0] * (MOST_MISSING - len(said))])
    goal = torch.tensor([meant + [0] * (MOST_MISSING - len(meant))])
    kept = common_places(draft_row, goal) > 0
    tokens, count = packed_left(goal, kept)
    opened, total = _opened(tokens, count, _missing(kept, (goal != BLANK) & ~kept))
    assert total.tolist() == [len(meant)]
    right = [piece in (MASK, aim) for piece, aim in zip(opened[0].tolist(), meant, strict=False)]
    assert all(right)


@torch.no_grad()
def test_an_editor_that_strikes_all_and_misses_none_leaves_nothing(net: Translator) -> None:
    editor = Editor(net).eval()
    for head in (editor.strike, editor.count):
        head.weight.zero_()
        head.bias.zero_()
    editor.strike.bias[1] = 1.0
    editor.count.bias[0] = 1.0
    assert edit(editor, SOURCE, LENGTH, 2) == [[], []]
    editor.strike.bias[1] = -1.0
    assert edit(editor, SOURCE, LENGTH, 2) == draft(net, SOURCE, LENGTH)
