"""The maps from free entries to orthogonal matrices, against numpy and scipy."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import scipy.stats
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from rnnzoo.orthogonal import (
    cayley,
    cayley_entries,
    entry_count,
    henaff_entries,
    orthogonality_error,
    skew_symmetric,
)
from rnnzoo.rotation import rotation

MAPS: dict[str, Callable[[torch.Tensor, int], torch.Tensor]] = {
    "rotation": rotation,
    "cayley": lambda entries, size: cayley(skew_symmetric(entries, size)),
}


def entries(size: int, scale: float = 1.0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return scale * torch.randn(entry_count(size), dtype=dtype, generator=torch.Generator().manual_seed(size))


def numpy_skew(values: np.ndarray, size: int) -> np.ndarray:
    A = np.zeros((size, size))
    k = 0
    for i in range(size):
        for j in range(i + 1, size):
            A[i, j], A[j, i] = values[k], -values[k]
            k += 1
    return A


@pytest.mark.parametrize("size", [1, 2, 7])
def test_entries_fill_the_upper_triangle_row_by_row(size: int) -> None:
    values = entries(size)
    assert np.array_equal(skew_symmetric(values, size).numpy(), numpy_skew(values.numpy(), size))


def test_a_wrong_number_of_entries_is_an_error_that_names_the_right_one() -> None:
    with pytest.raises(ValueError, match="must have 10 values on its last axis for size 5"):
        skew_symmetric(torch.zeros(9), 5)


@pytest.mark.parametrize("name", MAPS)
def test_shapes_are_known_where_there_are_no_values(name: str) -> None:
    assert MAPS[name](torch.empty(6, device="meta"), 4).shape == (4, 4)
    with FakeTensorMode():
        assert MAPS[name](torch.empty(6), 4).shape == (4, 4)


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_has_diverged_gives_no_numbers_and_no_error(name: str, value: float) -> None:
    values = entries(4)
    values[2] = value
    assert MAPS[name](values, 4).isnan().any()


def test_cayley_is_its_formula() -> None:
    values = entries(9)
    A, identity = numpy_skew(values.numpy(), 9), np.eye(9)
    expected = np.linalg.inv(identity + A) @ (identity - A)
    np.testing.assert_allclose(cayley(skew_symmetric(values, 9)).numpy(), expected, atol=1e-13)


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("norm", [0.1, 10.0, 1000.0])
def test_float32_results_are_orthogonal_to_rounding_whatever_the_norm(name: str, norm: float) -> None:
    values = entries(128, dtype=torch.float32)
    Q = MAPS[name](values * (norm / torch.linalg.matrix_norm(skew_symmetric(values, 128), ord=2)), 128)
    assert Q.dtype == torch.float32
    # entries rounded to 24 bits: 6e-8 each, which adds up to about 1e-7 in the spectral norm
    assert orthogonality_error(Q) < 3e-7


@pytest.mark.parametrize("name", MAPS)
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    values = entries(5).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: MAPS[name](v, 5), values)


@pytest.mark.parametrize("name", MAPS)
def test_vmap_is_a_loop(name: str) -> None:
    batch = torch.stack([entries(5, scale) for scale in (0.1, 1.0, 3.0)])
    mapped = torch.vmap(lambda v: MAPS[name](v, 5))(batch)
    looped = torch.stack([MAPS[name](v, 5) for v in batch])
    torch.testing.assert_close(mapped, looped, rtol=0, atol=1e-14)


def test_a_gradient_step_on_the_entries_is_the_descent_step_of_the_cayley_method() -> None:
    """From A = 0, Q₀ C(A) must move along −(G − Q₀ Gᵀ Q₀), Wisdom et al.'s direction (the release's is not this)."""
    torch.manual_seed(0)
    size = 8
    base, G = torch.linalg.qr(torch.randn(size, size, dtype=torch.float64)).Q, torch.randn(size, size).double()
    values = torch.zeros(entry_count(size), dtype=torch.float64, requires_grad=True)
    (G * (base @ cayley(skew_symmetric(values, size)))).sum().backward()
    rate = 1e-6
    moved = base @ cayley(skew_symmetric(-rate * values.grad, size)) - base
    descent = -(G - base @ G.T @ base)
    cosine = (moved * descent).sum() / (moved.norm() * descent.norm())
    assert cosine > 1 - 1e-9  # second-order terms of relative size rate
    assert (moved * G).sum() < 0


def test_orthogonality_error_is_the_spectral_norm_of_the_deviation() -> None:
    assert orthogonality_error(torch.diag(torch.tensor([1.0, 1.5, -1.0]))).item() == pytest.approx(1.25)


def test_a_batch_of_maps_is_each_map() -> None:
    values = 0.1 * torch.randn(2, 3, entry_count(200), generator=torch.Generator().manual_seed(0))
    for made in MAPS.values():
        whole = made(values, 200)
        assert whole.shape == (2, 3, 200, 200)
        torch.testing.assert_close(whole[1, 2], made(values[1, 2], 200))


@pytest.mark.parametrize("size", [1, 2, 7])
@pytest.mark.parametrize("draw", [henaff_entries, cayley_entries])
def test_initialisations_are_blocks_of_one_angle(draw: Callable[[int], torch.Tensor], size: int) -> None:
    A = skew_symmetric(draw(size), size)
    rebuilt = torch.zeros_like(A)
    for k, angle in enumerate(torch.diagonal(A, offset=1)[::2]):
        rebuilt[2 * k, 2 * k + 1], rebuilt[2 * k + 1, 2 * k] = angle, -angle
    assert torch.equal(A, rebuilt)


@pytest.mark.parametrize(
    ("draw", "to_unit"),
    [
        (henaff_entries, lambda s: (s + math.pi) / (2 * math.pi)),
        (cayley_entries, lambda s: np.arccos((1 - s**2) / (1 + s**2)) / (math.pi / 2)),
    ],
)
def test_initialisations_draw_their_angles_uniformly(
    draw: Callable[[int], torch.Tensor], to_unit: Callable[[np.ndarray], np.ndarray]
) -> None:
    torch.manual_seed(0)
    s = torch.diagonal(skew_symmetric(draw(800), 800), offset=1)[::2].numpy()
    if draw is cayley_entries:
        assert (s <= 0).all()
    # a fixed seed, so the level only says how far from uniform is still taken for uniform
    assert scipy.stats.kstest(to_unit(s), "uniform").pvalue > 0.01


def test_what_inference_mode_made_first_does_not_stand_in_the_way_of_derivatives() -> None:
    with torch.inference_mode():
        skew_symmetric(entries(11), 11)
    assert torch.autograd.gradgradcheck(lambda v: skew_symmetric(v, 11).square(), entries(11).requires_grad_())
