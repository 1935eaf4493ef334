"""Gradients of what was made of parameters reach the parameters as autograd brings them there."""

import pytest
import torch

from rnnzoo.engine import leaves
from rnnzoo.engine.leaves import accumulate

MADE = {
    "a leaf": lambda p: p,
    "its transpose": lambda p: p.t(),
    "a transpose of its transpose": lambda p: p.t().t(),
    "the transpose of something made of it": lambda p: (2 * p).t(),
    "something made of it": lambda p: p.exp(),
    "a part of it": lambda p: p[1:],
}


@pytest.mark.parametrize("made", MADE.values(), ids=MADE)
def test_a_gradient_arrives_where_backward_brings_it(made):
    p, q = (torch.arange(6.0).view(2, 3).requires_grad_() for _ in range(2))
    gradient = torch.randn(made(p).shape)
    made(q).backward(gradient)
    for times in (1, 2):
        accumulate([(made(p), gradient.clone())])
        torch.testing.assert_close(p.grad, times * q.grad, rtol=0.0, atol=0.0)
        assert p.grad.stride() == p.stride()


def test_what_has_no_gradient_or_asks_for_none_is_left_out():
    p, fixed = torch.ones(3, requires_grad=True), torch.ones(3)
    accumulate([(p, None), (None, torch.ones(3)), (fixed, torch.ones(3)), (None, None)])
    assert p.grad is None
    assert fixed.grad is None


def test_leaves_whose_gradients_are_one_tensor_do_not_share_it():
    p, q, r = (torch.ones(2, 2, requires_grad=True) for _ in range(3))
    gradient = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    accumulate([(p, gradient), (q, gradient), (r.t(), gradient)])
    p.grad.mul_(10)
    torch.testing.assert_close(q.grad, torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    torch.testing.assert_close(r.grad, torch.tensor([[1.0, 3.0], [2.0, 4.0]]))


def test_leaves_and_their_transposes_need_no_engine(monkeypatch):
    p = torch.ones(2, 3, requires_grad=True)
    monkeypatch.setattr(leaves.torch.autograd, "backward", None)
    accumulate([(p, torch.ones(2, 3)), (p.t(), torch.ones(3, 2))])
    torch.testing.assert_close(p.grad, torch.full((2, 3), 2.0))
