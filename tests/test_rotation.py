"""exp(A) and its hand-written gradient against scipy, PyTorch's exponential and finite differences."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import scipy.linalg
import torch
from numpy.polynomial import polynomial

from rnnzoo.orthogonal import block_entries, entry_count, henaff_entries, orthogonality_error, skew_symmetric
from rnnzoo.rotation import TAYLOR, rotation

# π √12 is 10.9; at 1.8 and 3.6 the number of squarings changes for float32, and below 0.6 there is one for float64
NORMS = [0.0, 1e-8, 0.3, 1.0, 1.79, 1.81, 3.59, 3.61, math.pi * math.sqrt(12), 30.0, 300.0]


def entries(size: int, norm: float) -> torch.Tensor:
    """Return float64 entries whose matrix has that spectral norm."""
    values = torch.randn(entry_count(size), dtype=torch.float64, generator=torch.Generator().manual_seed(size))
    return values * (norm / torch.linalg.matrix_norm(skew_symmetric(values, size), ord=2))


def direction(size: int) -> torch.Tensor:
    return torch.randn(size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def by_pytorch(values: torch.Tensor, size: int) -> torch.Tensor:
    return torch.linalg.matrix_exp(skew_symmetric(values, size))


def with_gradient(
    function: Callable[[torch.Tensor, int], torch.Tensor],
    values: torch.Tensor,
    size: int,
    *,
    create_graph: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    leaf = values.clone().requires_grad_()
    Q = function(leaf, size)
    (gradient,) = torch.autograd.grad(Q, leaf, direction(size).to(Q.dtype), create_graph=create_graph)
    return Q.detach(), gradient.detach()


def test_the_polynomial_is_taylors() -> None:
    B1, B2, B3, B4 = (np.array(row) for row in TAYLOR)
    A6 = polynomial.polyadd(B3, polynomial.polymul(B4, B4))
    found = polynomial.polyadd(B1, polynomial.polymul(polynomial.polyadd(B2, A6), A6))
    np.testing.assert_allclose(found, [1 / math.factorial(k) for k in range(13)], rtol=1e-15, atol=1e-15)


@pytest.mark.parametrize("size", [1, 2, 9, 64])
def test_it_is_scipys(size: int) -> None:
    values = entries(size, 6.0) if size > 1 else entries(size, 0.0)
    expected = scipy.linalg.expm(skew_symmetric(values, size).numpy())
    # two implementations of the exponential at norm 6: a few hundred roundings of 1e-16
    np.testing.assert_allclose(rotation(values, size).numpy(), expected, atol=1e-13)


@pytest.mark.parametrize("norm", NORMS)
def test_it_and_its_gradient_are_pytorchs(norm: float) -> None:
    values = entries(12, norm)
    # squaring a result n times doubles its rounding n times: 2^10 · 1e-15 at the largest norm, gradients as well
    torch.testing.assert_close(
        with_gradient(rotation, values, 12), with_gradient(by_pytorch, values, 12), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("size", [12, 64])
def test_float32_is_float64_rounded_and_its_gradient_nearly(size: int, norm: float) -> None:
    values = entries(size, norm).to(torch.float32)
    Q, gradient = with_gradient(rotation, values, size)
    expected, exact = with_gradient(rotation, values.to(torch.float64), size)
    assert Q.dtype == gradient.dtype == torch.float32
    assert (Q - expected).abs().max() < 3.1e-8  # half a unit in the last place of numbers below 1, and 1e-9
    # the gradient is summed up in float32 and its series ends at 1e-6; each squaring adds a rounding
    assert (gradient - exact).norm() < 5e-6 * exact.norm()


@pytest.mark.parametrize("angle", np.geomspace(0.02, 8, 40).tolist())
def test_the_gradient_holds_where_its_series_must_reach_furthest(angle: float) -> None:
    """Blocks of equal angles: there the bound on the norm is attained, and that on the commutator's."""
    values = block_entries(6, torch.full((3,), angle, dtype=torch.float64))
    _, exact = with_gradient(by_pytorch, values, 6)
    _, found = with_gradient(rotation, values, 6)
    assert (found - exact).norm() < 1e-13 * exact.norm()
    _, found = with_gradient(rotation, values.to(torch.float32), 6)
    assert (found - exact).norm() < 5e-6 * exact.norm()


def test_gradients_at_initialisation_in_float32() -> None:
    torch.manual_seed(0)
    values = henaff_entries(190).to(torch.float32)
    _, gradient = with_gradient(rotation, values, 190)
    _, exact = with_gradient(rotation, values.to(torch.float64), 190)
    assert exact.norm() > 100  # of some 18,000 numbers of order 1
    torch.testing.assert_close(gradient, exact.to(torch.float32), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("norm", [0.1, 1.0, math.pi, 10.0, 30.0])
def test_float64_is_orthogonal_to_rounding(norm: float) -> None:
    assert orthogonality_error(rotation(entries(64, norm), 64)) < 1e-14 * max(1.0, norm / 10)


@pytest.mark.parametrize("size", [1, 2])
def test_small_sizes(size: int) -> None:
    values = torch.full((entry_count(size),), 0.7, dtype=torch.float64, requires_grad=True)
    Q = rotation(values, size)
    c, s = math.cos(0.7), math.sin(0.7)
    expected = torch.tensor([[1.0]] if size == 1 else [[c, s], [-s, c]], dtype=torch.float64)
    torch.testing.assert_close(Q.detach(), expected, rtol=0, atol=1e-15)
    (gradient,) = torch.autograd.grad(Q.sum(), values)
    torch.testing.assert_close(gradient, gradient.new_full((entry_count(size),), -2 * s), rtol=1e-14, atol=0)


@pytest.mark.parametrize("norm", [0.0, 0.4, 3.0, 8.0])
def test_its_derivatives_are_those_of_finite_differences(norm: float) -> None:
    values = entries(5, norm).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: rotation(v, 5), values)
    assert torch.autograd.gradgradcheck(lambda v: rotation(v, 5), values)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_gradient_is_the_same_with_a_graph(dtype: torch.dtype) -> None:
    values = entries(20, 5.0).to(dtype)
    plain, graphed = (with_gradient(rotation, values, 20, create_graph=graph)[1] for graph in (False, True))
    assert torch.equal(plain, graphed)


def test_under_transforms_it_and_its_gradient_are_the_same() -> None:
    values, weights = entries(6, 3.0), direction(6)

    def loss(v: torch.Tensor) -> torch.Tensor:
        return (weights * rotation(v, 6)).sum()

    _, expected = with_gradient(rotation, values, 6)
    torch.testing.assert_close(torch.func.grad(loss)(values), expected, rtol=1e-12, atol=1e-13)
    jacobian = torch.func.jacrev(lambda v: rotation(v, 6))(values)
    torch.testing.assert_close(torch.einsum("ij,ijk->k", weights, jacobian), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e30])
def test_what_has_diverged_raises_no_error_in_its_gradient(value: float) -> None:
    values = entries(5, 1.0).to(torch.float32)
    values[3] = value
    Q, gradient = with_gradient(rotation, values, 5)
    if not math.isfinite(value):
        assert Q.isnan().any()
        assert gradient.isnan().any()


def test_a_wrong_number_of_entries_is_an_error_that_names_the_right_one() -> None:
    with pytest.raises(ValueError, match="must have 10 values on its last axis for size 5"):
        rotation(torch.zeros(9), 5)


def test_what_inference_mode_made_first_does_not_stand_in_the_way_of_derivatives() -> None:
    # neither this size nor as many squarings occur elsewhere: all that is kept is made here
    with torch.inference_mode():
        rotation(entries(17, 5000.0), 17)
    values = entries(17, 5000.0).requires_grad_()
    (gradient,) = torch.autograd.grad(rotation(values, 17)[0].sum(), values, create_graph=True)
    gradient.square().sum().backward()
    assert values.grad is not None
    assert values.grad.abs().max() > 1e-3
