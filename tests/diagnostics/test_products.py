"""Long products against 400 digits."""

import mpmath
import pytest
import torch

from rnnzoo.diagnostics.products import GradedProduct
from tests.tolerances import LOG_SINGULAR_VALUES


def random(n=4):
    return torch.randn(n, n, dtype=torch.float64)


def scales(*values):
    return torch.diag(torch.tensor(values, dtype=torch.float64))


FACTORS = {
    "random": lambda: random(),
    "orthogonal": lambda: torch.linalg.qr(random()).Q,
    "nearly orthogonal": lambda: torch.linalg.qr(random()).Q * (1 + 0.01 * random()[0]),
    "the smallest first": lambda: scales(1e-9, 1e-3, 1.0, 1e4),
    "the smallest first, upper triangular": lambda: scales(1e-2, 1e-1, 1.0, 10.0) + random().triu(1),
    "the smallest first, lower triangular": lambda: scales(1e-2, 1e-1, 1.0, 10.0) + random().tril(-1),
    "far beyond the range of floats": lambda: scales(1e-3, 1e-2, 1.0, 1e3) @ torch.linalg.qr(random()).Q,
}


def product(factors, columns=None):
    width = len(factors[0])
    made = GradedProduct.start(torch.eye(width, dtype=torch.float64)[None, :, :columns])
    for factor in factors:
        made = made.with_image(factor @ made.q)
    return made


@pytest.mark.parametrize("kind", FACTORS)
@pytest.mark.parametrize("columns", [4, 3])
def test_equals_many_digits(kind, columns):
    factors = [FACTORS[kind]() for _ in range(100 if kind.startswith("far") else 40)]
    with mpmath.workdps(2000 if kind.startswith("far") else 400):
        exact = mpmath.eye(4)
        for factor in factors:
            exact = mpmath.matrix(factor.tolist()) * exact
        squares = exact.T * exact if columns == 4 else (exact.T * exact)[:columns, :columns]
        eigenvalues = sorted(mpmath.eigsy(squares, eigvals_only=True), reverse=True)
        expected = torch.tensor([float(mpmath.log(value) / 2) for value in eigenvalues], dtype=torch.float64)
    if kind.startswith("far"):
        assert expected[0] - expected[-1] > 700, "floats would hold this: the test would prove nothing"
    LOG_SINGULAR_VALUES.assert_close(product(factors, columns).log_singular_values()[0], expected, kind)


def test_what_a_factor_removes_stays_removed():
    hole = random(5)
    hole[2] = 0
    values = product([hole] * 7).log_singular_values()[0]
    assert (values[:4] > -torch.inf).all()
    assert values[4] == -torch.inf
    assert (product([torch.zeros(3, 3, dtype=torch.float64)] * 2).log_singular_values() == -torch.inf).all()


def test_the_product_itself_is_kept():
    factors = [random() for _ in range(5)]
    made = product(factors)
    whole = made.q @ torch.diag_embed(made.d.exp()) @ made.r
    expected = torch.linalg.multi_dot(factors[::-1])
    torch.testing.assert_close(whole[0], expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("hole", [0.0, 1e-5])
def test_a_factor_that_spans_less_in_its_first_columns_than_in_its_last(hole):
    # each shifts the entries of one block by a place, as states with delays do: early columns depend on each other
    def factor():
        whole = torch.zeros(6, 6, dtype=torch.float64)
        whole[:2, :2] = 0.7 * random(2)
        whole[2:4, :2] = random(2)
        whole[4:, 2:4] = torch.eye(2)
        whole[0, 4:], whole[1, 4:] = 0.01 * random(2)
        whole[:, 3] = whole[:, 2] + hole * random(6)[0]
        return whole

    factors = [factor() for _ in range(12)]
    with mpmath.workdps(400):
        exact = mpmath.eye(6)
        for each in factors:
            exact = mpmath.matrix(each.tolist()) * exact
        squares = sorted(mpmath.eigsy(exact.T * exact, eigvals_only=True), reverse=True)
        logs = [float(mpmath.log(abs(value) + mpmath.mpf(10) ** -390) / 2) for value in squares]
    expected = torch.tensor(logs, dtype=torch.float64)
    values = product(factors).log_singular_values()[0]
    known = expected > -400
    assert 3 <= known.sum() <= 6
    LOG_SINGULAR_VALUES.assert_close(values[known], expected[known])
    assert (values[~known] == -torch.inf).all()
