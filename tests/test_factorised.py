"""W = U diag(s) Vᵀ, s from p, against its formula, and its derivatives against finite differences."""

import pytest
import torch

from rnnzoo.factorised import factorised, within
from rnnzoo.orthogonal import entry_count

MARGIN = 0.4


def parts(size: int, dtype: torch.dtype = torch.float64) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Return (A_U, A_V, p), which want gradients, and (U0, V0)."""
    g = torch.Generator().manual_seed(size)
    drawn = [torch.randn(entry_count(size), generator=g, dtype=torch.float64) for _ in range(2)]
    drawn.append(torch.randn(size, generator=g, dtype=torch.float64))
    fixed = [torch.linalg.qr(torch.randn(size, size, generator=g, dtype=torch.float64)).Q for _ in range(2)]
    return [part.to(dtype).requires_grad_() for part in drawn], [part.to(dtype) for part in fixed]


def by_formula(
    A_U: torch.Tensor, A_V: torch.Tensor, p: torch.Tensor, U0: torch.Tensor, V0: torch.Tensor
) -> torch.Tensor:
    identity, upper = torch.eye(len(p), dtype=p.dtype), torch.triu_indices(len(p), len(p), offset=1)

    def rotation(entries: torch.Tensor) -> torch.Tensor:
        half = torch.zeros_like(identity).index_put(tuple(upper), entries)
        A = half - half.T
        return torch.linalg.solve(identity + A, identity - A)

    s = 2 * MARGIN * (torch.sigmoid(p) - 0.5) + 1
    return U0 @ rotation(A_U) @ torch.diag(s) @ rotation(A_V).T @ V0.T


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_it_is_its_formula_and_so_are_its_gradients(size: int) -> None:
    free, fixed = parts(size)
    weights = torch.randn(size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found, expected = factorised(*free, *fixed, margin=MARGIN), by_formula(*free, *fixed)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    gradients = [torch.autograd.grad((weights * W).sum(), free) for W in (found, expected)]
    for mine, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-10)


def test_its_derivatives_are_those_of_finite_differences() -> None:
    free, fixed = parts(4)

    def made(*inputs: torch.Tensor) -> torch.Tensor:
        return factorised(*inputs, *fixed, margin=MARGIN)

    assert torch.autograd.gradcheck(made, free)
    assert torch.autograd.gradgradcheck(made, free)


def test_in_float32_the_singular_values_are_what_they_are_told_to_be() -> None:
    free, fixed = parts(50, torch.float32)
    W = factorised(*free, *fixed, margin=MARGIN)
    assert W.dtype == torch.float32
    told = within(MARGIN, free[2].detach()).sort(descending=True).values
    torch.testing.assert_close(torch.linalg.svdvals(W.detach()), told, rtol=0, atol=5e-6)


def test_what_has_diverged_gives_no_numbers_and_no_error() -> None:
    free, fixed = parts(5)
    broken = torch.full_like(free[0], float("nan"))
    assert factorised(broken, *free[1:], *fixed, margin=MARGIN).isnan().any()


def test_under_transforms_it_and_its_gradient_are_the_same() -> None:
    free, fixed = parts(6)

    def loss(*inputs: torch.Tensor) -> torch.Tensor:
        return factorised(*inputs, *fixed, margin=MARGIN).sin().sum()

    expected = torch.autograd.grad(loss(*free), free)
    found = torch.func.grad(loss, argnums=(0, 1, 2))(*(part.detach() for part in free))
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-11)
