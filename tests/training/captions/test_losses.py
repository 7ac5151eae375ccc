import pytest

torch = pytest.importorskip("torch")

from training.captions.losses import Targets, ctc_losses, disagreement  # noqa: E402


def test_equal_views_do_not_disagree() -> None:
    view = torch.randn(2, 5, 7)
    frames = torch.tensor([5, 3, 5, 3])
    assert float(disagreement(torch.cat([view, view]), frames)) == pytest.approx(0, abs=1e-5)


def test_padding_is_not_compared() -> None:
    view = torch.randn(1, 5, 7)
    other = view.clone()
    other[:, 3:] += torch.randn(1, 2, 7)
    both = torch.cat([view, other])
    assert float(disagreement(both, torch.tensor([3, 3]))) == pytest.approx(0, abs=1e-5)
    assert float(disagreement(both, torch.tensor([5, 5]))) > 0.01


def test_two_heads_in_one_call_are_the_two_calls() -> None:
    torch.manual_seed(0)
    heads = [torch.randn(2, 9, 6, requires_grad=True) for _ in range(2)]
    targets = Targets([[1, 2, 2], [4]], torch.device("cpu"))
    labels, lengths = targets.of([1, 0], torch.tensor([1, 0]))
    together = ctc_losses(heads, [(labels, lengths)] * 2, [9, 7])
    for head, loss in zip(heads, together, strict=True):
        alone = torch.nn.functional.ctc_loss(
            head.log_softmax(-1).transpose(0, 1), labels, [9, 7], lengths, reduction="sum"
        )
        torch.testing.assert_close(loss, alone)
