"""Steps of fixed shapes say what decoding of any shape says."""

import pytest

pytest.importorskip("torch")

import torch

from training.translation.beam import Search
from training.translation.decode import draft
from training.translation.model import Translator
from training.translation.pieces import END, TAGS, Ids
from training.translation.replay import Drafting, Greedy
from training.translation.shape import Shape

SOURCES = [[TAGS["de"], 270, 280, END], [TAGS["fr"], 271, END]]


def net() -> Translator:
    torch.manual_seed(1)
    made = Translator(Shape(300, 32, 2, 1, 64, 2, 64, 2, 64)).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.3)
    return made


def laid(sources: list[Ids]) -> tuple[torch.Tensor, torch.Tensor]:
    longest = max(map(len, sources))
    tokens = torch.tensor([ids + [0] * (longest - len(ids)) for ids in sources])
    return tokens, torch.tensor([len(ids) for ids in sources])


def test_drafts_are_the_same_in_a_wider_and_higher_batch() -> None:
    made = net()
    with torch.inference_mode():
        wanted = draft(made, *laid(SOURCES))
    assert any(wanted)
    assert Drafting(made, 5, 9)(SOURCES) == wanted


def test_greedy_is_the_same_as_far_as_both_go() -> None:
    made = net()
    with torch.inference_mode():
        wanted = Search([made], *laid(SOURCES), beam=1).run()
    found = Greedy(made, 3, 9, 12)(SOURCES)
    assert [ids[:12] for ids in wanted] == [ids[:12] for ids in found]


def test_a_number_of_steps_is_kept() -> None:
    assert all(len(ids) <= 7 for ids in Greedy(net(), 2, 6, 12)(SOURCES, steps=7))
