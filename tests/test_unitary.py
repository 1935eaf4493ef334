"""The uRNN's matrix against its factors, and its derivatives against finite differences."""

import pytest
import torch

from rnnzoo.unitary import fourier_product, real_form, unitarity_error


def unitary_parts(size: int, dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(size)
    theta = torch.randn(3, size, dtype=dtype, generator=g)
    reflection = torch.randn(2, 2 * size, dtype=dtype, generator=g)
    return theta, reflection, torch.randperm(size, generator=g)


@pytest.mark.parametrize("size", [1, 2, 7, 256])
def test_the_fourier_product_is_unitary_to_rounding_in_float32(size: int) -> None:
    W = fourier_product(*unitary_parts(size, torch.float32))
    assert W.dtype == torch.complex64
    assert unitarity_error(W) < 3e-7
    assert unitarity_error(real_form(W)) < 3e-7


@pytest.mark.parametrize("size", [1, 2, 5])
def test_the_fourier_product_has_the_derivatives_of_finite_differences(size: int) -> None:
    theta, reflection, permutation = unitary_parts(size)
    inputs = (theta.requires_grad_(), reflection.requires_grad_())

    def made(t: torch.Tensor, r: torch.Tensor) -> torch.Tensor:
        return real_form(fourier_product(t, r, permutation))

    assert torch.autograd.gradcheck(made, inputs)
    assert torch.autograd.gradgradcheck(made, inputs)


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_the_fourier_product_is_its_factors_one_after_another(size: int) -> None:
    theta, reflection, permutation = unitary_parts(size)
    F = torch.fft.fft(torch.eye(size, dtype=torch.complex128), norm="ortho")
    D = [torch.diag(torch.polar(torch.ones_like(angle), angle)) for angle in theta]
    vectors = torch.complex(*reflection.chunk(2, dim=1))
    R = [torch.eye(size) - 2 * torch.outer(v, v.conj()) / v.norm() ** 2 for v in vectors]
    P = torch.eye(size, dtype=torch.complex128)[permutation]
    W = D[2] @ R[1] @ F.conj() @ D[1] @ P @ R[0] @ F @ D[0]
    torch.testing.assert_close(fourier_product(theta, reflection, permutation), W, rtol=0, atol=1e-13)


def test_under_transforms_the_fourier_product_and_its_gradient_are_the_same() -> None:
    theta, reflection, permutation = unitary_parts(6)
    weights = torch.randn(12, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def loss(t: torch.Tensor, r: torch.Tensor) -> torch.Tensor:
        return (weights * real_form(fourier_product(t, r, permutation))).sum()

    expected = torch.autograd.grad(loss(theta.requires_grad_(), reflection.requires_grad_()), (theta, reflection))
    found = torch.func.grad(loss, argnums=(0, 1))(theta.detach(), reflection.detach())
    for value, other in zip(found, expected, strict=True):
        torch.testing.assert_close(value, other, rtol=0, atol=1e-13)


def test_float32_gradients_are_those_of_float64_to_rounding() -> None:
    parts = unitary_parts(60)
    weights = torch.randn(120, 120, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = []
    for dtype in (torch.float64, torch.float32):
        inputs = [part.detach().to(dtype).requires_grad_() for part in parts[:2]]
        (weights.to(dtype) * real_form(fourier_product(*inputs, parts[2]))).sum().backward()
        found.append([part.grad for part in inputs])
    for exact, rounded in zip(*found, strict=True):
        assert (rounded - exact).abs().max() < 1e-6 * exact.abs().max()


def test_the_real_form_multiplies_as_the_complex_matrix_does() -> None:
    torch.manual_seed(0)
    M, h = torch.randn(4, 4, dtype=torch.complex128), torch.randn(3, 4, dtype=torch.complex128)
    product = torch.cat((h.real, h.imag), dim=1) @ real_form(M)
    torch.testing.assert_close(product, torch.cat(((h @ M).real, (h @ M).imag), dim=1), rtol=0, atol=1e-14)


def test_unitarity_error_sees_a_real_matrix_that_is_orthogonal_but_no_complex_one() -> None:
    assert unitarity_error(torch.diag(torch.tensor([1.0, 1.0, -1.0, 1.0]))).item() == pytest.approx(2.0)
