import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from training.translation.beam import Search, largest, likeness
from training.translation.decode import _fitting, decode_all
from training.translation.distil import (
    fitting,
    is_sound,
    outlook,
    questions,
    save_answers,
    with_answers,
)
from training.translation.examples import DISTILLED, mixed, real_share
from training.translation.model import Translator
from training.translation.packed import Packed, Pairs, Ragged, load_packed
from training.translation.pieces import BEGIN, END, Ids
from training.translation.shape import Shape

SHAPE = Shape(40, 32, 2, 1, 32, 2, 32, 1, 32)
SOURCE = torch.tensor([[4, 9, 10, 11, 2, 0], [5, 20, 21, 22, 23, 2]])
LENGTH = torch.tensor([5, 6])


@pytest.fixture(scope="module")
def net() -> Translator:
    return a_net(seed=3)


def a_net(seed: int) -> Translator:
    torch.manual_seed(seed)
    made = Translator(SHAPE).eval()
    with torch.no_grad():
        # hypotheses end, and what was said before matters more than the last piece
        made.table[END] *= 2
        for weight in made.decoder.parameters():
            if weight.ndim == 2:
                weight.mul_(3)
    return made


def log_prob(net: Translator, row: int, said: Ids) -> float:
    """Of a translation with its end, computed in one pass over all pieces but the forbidden."""
    size = int(LENGTH[row])
    source, length = SOURCE[row : row + 1, :size], LENGTH[row : row + 1]
    fed = torch.tensor([[BEGIN, *said]])
    logits = net.decode(fed, net.encode(source, length), length) @ net.table.T
    logits[..., [0, 1, 3, 4, 5, 6, 7]] = -torch.inf
    scores = logits.log_softmax(-1)[0]
    return sum(scores[i, piece].item() for i, piece in enumerate([*said, END]))


@torch.no_grad()
def test_a_beam_of_one_takes_the_best_piece_each_time(net: Translator) -> None:
    found = Search([net], SOURCE, LENGTH, 1).run()
    memory = net.encode(SOURCE, LENGTH)
    for row, said in enumerate(found):
        fed = torch.tensor([[BEGIN, *said]])
        states = net.decode(fed, memory[row : row + 1], LENGTH[row : row + 1])
        logits = states @ net.table.T
        logits[..., [0, 1, 3, 4, 5, 6, 7]] = -torch.inf
        best = logits.argmax(-1)[0].tolist()
        assert best[: len(said)] == said


@torch.no_grad()
def test_a_beam_knows_the_score_of_what_it_found(net: Translator) -> None:
    search = Search([net], SOURCE, LENGTH, 4)
    found = search.run()
    for row, said in enumerate(found):
        mean = log_prob(net, row, said) / (len(said) + 1)
        assert search.best[row].item() == pytest.approx(mean, abs=1e-4)


def plain_beam(net: Translator, row: int, beam: int) -> Ids:
    """The likeliest hypothesis of a search by lists."""
    ended, alive = plain_hypotheses(net, row, beam)
    return ended[0] if ended else alive


def plain_hypotheses(net: Translator, row: int, beam: int) -> tuple[list[Ids], Ids]:
    """The same search over one row by lists, every hypothesis decoded anew at each step: what
    ended, the likeliest first, and the best of what did not."""
    size = int(LENGTH[row])
    length = LENGTH[row : row + 1]
    memory = net.encode(SOURCE[row : row + 1, :size], length)
    alive: list[tuple[float, Ids]] = [(0.0, [BEGIN])]
    ended: list[tuple[float, Ids]] = []
    for _ in range(size * 3 // 2 + 10):
        found = []
        for score, said in alive:
            logits = (net.decode(torch.tensor([said]), memory, length) @ net.table.T)[0, -1]
            logits[[0, 1, 3, 4, 5, 6, 7]] = -torch.inf
            found += [
                (score + s, [*said, i]) for i, s in enumerate(logits.log_softmax(-1).tolist())
            ]
        found.sort(key=lambda each: -each[0])
        ended += [(s / (len(t) - 1), t) for s, t in found[:beam] if t[-1] == END]
        if len(ended) >= beam:
            break
        alive = [(s, t) for s, t in found[: 2 * beam] if t[-1] != END][:beam]
    return [said[1:-1] for _, said in sorted(ended, reverse=True)], alive[0][1][1:]


@torch.no_grad()
@pytest.mark.parametrize("beam", [1, 2, 4])
def test_a_beam_is_what_a_plain_one_finds(net: Translator, beam: int) -> None:
    found = Search([net], SOURCE, LENGTH, beam).run()
    assert found == [plain_beam(net, row, beam) for row in range(len(SOURCE))]


@torch.no_grad()
def test_of_what_a_beam_ends_with_a_model_prefers_its_like(net: Translator) -> None:
    ended = [plain_hypotheses(net, row, 4)[0] for row in range(len(SOURCE))]
    others = [said[-1] if said else [] for said in ended]
    assert any(said and said[0] != other for said, other in zip(ended, others, strict=True))
    model = torch.from_numpy(Ragged.of(others).padded(np.arange(len(others))))
    found = Search([net], SOURCE, LENGTH, 4, model=model).run()
    usual = [plain_beam(net, row, 4) for row in range(len(SOURCE))]
    assert found != usual
    for row, said in enumerate(found):
        alike, before = (
            float(likeness(torch.tensor([[each]]), model[row : row + 1]))
            for each in (said, usual[row])
        )
        assert alike > before or said == usual[row]


def test_likeness_counts_pieces_and_neighbours() -> None:
    model = torch.tensor([[9, 10, 11, 0], [9, 0, 0, 0], [0, 0, 0, 0]])
    said = torch.tensor([[[9, 10, 11]], [[12, 13, 14]], [[9, 10, 11]]])
    assert likeness(said, model).tolist() == [[1.0], [0.0], [0.0]]
    assert float(likeness(torch.tensor([[[9, 9, 9]]]), model[1:2])) == pytest.approx(2 / 6)
    turned = torch.tensor([[[11, 10, 9]]] * 3)
    assert likeness(turned, model)[:, 0].tolist() == pytest.approx([0.6, 2 / 6, 0.0])


@torch.no_grad()
def test_several_networks_decide_by_the_mean_of_their_log_probs(net: Translator) -> None:
    other = a_net(seed=8)
    search = Search([net, other], SOURCE, LENGTH, 4)
    found = search.run()
    for row, said in enumerate(found):
        mean = (log_prob(net, row, said) + log_prob(other, row, said)) / 2 / (len(said) + 1)
        assert search.best[row].item() == pytest.approx(mean, abs=1e-4)
    assert Search([net, net], SOURCE, LENGTH, 4).run() == Search([net], SOURCE, LENGTH, 4).run()


@torch.no_grad()
def test_rows_that_are_over_leave_and_change_nothing(net: Translator) -> None:
    chance = torch.Generator().manual_seed(3)
    source = torch.randint(8, 40, (12, 9), generator=chance)
    length = torch.tensor([1, 2, 3, 9] * 3)
    search = Search([net], source, length, 3)
    together = search.run()
    assert len(search.rows.row) < len(source)
    alone = [Search([net], source[i : i + 1], length[i : i + 1], 3).run()[0] for i in range(12)]
    assert together == alone


def test_the_largest_are_found_in_two_stages() -> None:
    scores = torch.randn(3, 4, 320, generator=torch.Generator().manual_seed(0))
    scores[:, 1, 64:96] += 5  # all of them in one part
    found, wanted = largest(scores, 8), scores.topk(8, -1)
    assert torch.equal(found[0], wanted.values)
    assert torch.equal(found[1], wanted.indices)


@pytest.mark.parametrize("how", ["draft", "greedy", "beam"])
def test_answers_do_not_depend_on_who_shares_a_batch(net: Translator, how: str) -> None:
    texts = Ragged.of([[9, 10, 11], [20, 21, 22, 23], [30], [9, 10, 11]])
    asked = np.array([[0, 4], [1, 5], [2, 6], [3, 4]])
    together = decode_all(net, texts, asked, how)
    alone = decode_all(net, texts, asked, how, places=1)
    assert together == alone
    assert together[0] == together[3]


def test_a_batch_holds_no_more_places_than_asked() -> None:
    lengths = np.array([3, 3, 4, 9, 30])
    assert [_fitting(lengths, places, 2) for places in (1, 12, 24, 71, 72, 300)] == [
        1,
        2,
        3,
        3,
        4,
        5,
    ]


def test_an_unsound_answer_is_seen() -> None:
    assert is_sound(5, [9, 9, 10, 11])
    assert not is_sound(5, [])
    assert not is_sound(5, [9, 10, 10, 10])
    assert not is_sound(2, list(range(8, 30)))


def packed() -> Packed:
    pairs = Pairs(np.array([0, 1]), np.array([0, 1]), np.array([0, 2]), np.array([0, 0]))
    texts = Ragged.of([[9, 10], [11], [12]])
    return Packed(texts, texts, Ragged.of([[20], [21, 22]]), pairs)


def test_packed_pairs_come_back(tmp_path) -> None:  # type: ignore[no-untyped-def]
    made = packed()
    made.save(tmp_path / "train.npz")
    found = load_packed(tmp_path / "train.npz")
    assert found.texts.rows() == made.texts.rows()
    assert found.targets.rows() == made.targets.rows()
    assert found.pairs.language.tolist() == [0, 2]


def test_every_text_is_asked_in_every_language_once() -> None:
    asked = questions(packed())
    assert sorted(map(tuple, asked.tolist())) == [(t, n) for t in range(3) for n in range(3)]


def test_answers_become_pairs_among_the_real_ones(tmp_path) -> None:  # type: ignore[no-untyped-def]
    made = packed()
    asked = np.array([[2, 1], [0, 2], [1, 0]])
    path = tmp_path / "distilled-0.npz"
    assert save_answers(path, made, asked, [[30, 31], [], [32]]) == 2
    joined = with_answers(made, [path])
    new = joined.pairs.chosen(np.flatnonzero(joined.pairs.kind == DISTILLED))
    assert [joined.targets[t].tolist() for t in new.target] == [[30, 31], [32]]
    assert new.text.tolist() == [2, 1]
    assert new.language.tolist() == [1, 0]
    assert len(mixed(joined, 0.0).pairs) == 2
    with pytest.raises(ValueError, match="no distilled pair"):
        mixed(made, 0.1)
    assert len(mixed(joined, 0.5).pairs) == 4


def test_where_little_was_distilled_all_real_pairs_stay(tmp_path) -> None:  # type: ignore[no-untyped-def]
    made, path = packed(), tmp_path / "distilled-0.npz"
    asked = questions(made)
    for said, share, pairs in ((4, 1.0, 6), (5, 0.1, 5)):
        save_answers(path, made, asked[:said], [[30]] * said)
        joined = with_answers(made, [path])
        assert real_share(joined) == share
        assert len(mixed(joined, real_share(joined)).pairs) == pairs


def test_only_what_the_time_allows_is_translated() -> None:
    assert fitting(60_000, 3_000, 1.0, None) == 60_000
    assert fitting(60_000, 3_000, 1.0, 100.0) == 60_000
    assert fitting(60_000, 3_000, 1.0, 11.0) == 30_000
    assert fitting(60_000, 3_000, 1.0, 1.2) == 0
    assert "300 texts/s" in outlook(3_000, 90_000, 10.0, 60.0)
    assert "all take 300 s, 20 % will be done" in outlook(3_000, 90_000, 10.0, 60.0)
    assert "all will be done" in outlook(3_000, 90_000, 10.0, 300.0)
