"""Lyapunov exponents: closed forms, and a chaotic map whose exponents are known."""

import math

import numpy as np
import pytest
import torch

from rnnzoo.cells import CELLS
from rnnzoo.diagnostics.lyapunov import kaplan_yorke, lyapunov_exponents
from rnnzoo.diagnostics.recurrence import Recurrence
from tests.contract.cases import each_case
from tests.diagnostics.systems import Henon, Linear, orthogonal_linear


def test_a_linear_orthogonal_cell_has_exponents_0():
    spectrum = lyapunov_exponents(orthogonal_linear(), torch.randn(300, 2, 2), k=6)
    assert spectrum.exponents["exponent"].abs().max() < 1e-13
    assert list(spectrum.dimensions["kaplan_yorke"]) == [6.0, 6.0]


def test_a_linear_cell_has_the_logarithms_of_its_eigenvalues():
    eigenvalues = [0.2, 1.5, 0.9, 3.0]
    basis = torch.randn(4, 4, dtype=torch.float64)
    A = basis @ torch.diag(torch.tensor(eigenvalues, dtype=torch.float64)) @ torch.linalg.inv(basis)
    assert not torch.allclose(A, A.T), "singular values of a symmetric matrix would tell the same"
    spectrum = lyapunov_exponents(Linear(A), torch.zeros(400, 1, 1), k=3, warm_up=100)
    expected = [math.log(value) for value in (3.0, 1.5, 0.9)]
    assert list(spectrum.exponents["exponent"]) == pytest.approx(expected, abs=1e-9)
    assert list(spectrum.exponents["index"]) == [1, 2, 3]


def test_the_henon_map():
    spectrum = lyapunov_exponents(Henon(), torch.zeros(3200, 1, 1), warm_up=200)
    first, second = spectrum.exponents["exponent"]
    assert first + second == pytest.approx(math.log(0.3), abs=1e-9)  # |det J| = b at every point
    # 0.41922 after 1e7 steps (Sprott, Chaos and Time-Series Analysis, 2003); the mean over 3000 steps is within 0.01
    assert first == pytest.approx(0.4192, abs=0.01)
    (dimension,) = spectrum.dimensions["kaplan_yorke"]
    assert dimension == pytest.approx(1.2583, abs=0.01)
    # the history ends in the answer and had not arrived at its beginning
    history = spectrum.history[spectrum.history["index"] == 1]
    assert history["exponent"].iloc[-1] == first
    assert history["t"].iloc[-1] == 3000
    assert abs(history["exponent"].iloc[0] - first) > abs(history["exponent"].iloc[-2] - first)


@each_case
def test_the_sum_of_all_exponents_is_the_mean_log_determinant(case):
    cell = case.make(hidden_size=3)
    with torch.no_grad():
        for p in cell.parameters():
            p.mul_(0.5)
    x = torch.randn(12, 1, 2, dtype=torch.float64)
    walked = Recurrence(cell).walk(x)
    determinants = torch.stack([torch.linalg.slogdet(walked.jacobian(t)).logabsdet[0] for t in range(1, 13)])
    spectrum = lyapunov_exponents(cell, x, k=walked.recurrence.width)
    if determinants.isfinite().all():
        assert spectrum.exponents["exponent"].sum() == pytest.approx(determinants.mean().item(), abs=1e-9)
    else:  # relu and modReLU remove directions
        assert spectrum.exponents["exponent"].iloc[-1] == -math.inf


@pytest.mark.parametrize(
    ("exponents", "width", "expected"),
    [
        ([-0.1, -0.2], 2, (0.0, 0.0)),
        ([0.4, -1.6], 2, (1.25, 1.25)),
        ([0.5, 0.0, -2.0, -9.0], 8, (2.25, 2.25)),
        ([0.0, -math.inf], 2, (1.0, 1.0)),
        ([0.3, 0.1], 2, (2.0, 2.0)),
        ([1e-14, -1e-14, -1e-13], 3, (3.0, 3.0)),
        ([0.5, 0.1], 5, (math.nan, 2.0)),
    ],
)
def test_kaplan_yorke(exponents, width, expected):
    assert kaplan_yorke(np.array(exponents), width) == pytest.approx(expected, nan_ok=True)


def test_mistakes_are_named():
    cell, x = CELLS["rnn"](2, 3), torch.zeros(5, 1, 2)
    with pytest.raises(ValueError, match=r"k must lie in \[1, 3\]"):
        lyapunov_exponents(cell, x, k=4)
    with pytest.raises(ValueError, match=r"warm_up must lie in \[0, 4\]"):
        lyapunov_exponents(cell, x, warm_up=5)
