# ruff: noqa: RUF001 - quantities are written in the papers' Greek letters
"""Statements against measurements: every declared one is measured, true ones hold, and a false one is found out."""

import math

import pytest
import torch

from rnnzoo import Cell, Recurrent
from rnnzoo.cells import CELLS, Bound, Claims, Condition
from rnnzoo.diagnostics.bounds import COLUMNS, JACOBIAN_BOUNDS, bound_checks, cells_with_input, jacobians
from tests.cells.measures import jacobian
from tests.contract.cases import CASES, Case, each_case

CLAIMED = ("orthogonal", "unitary", "invertible", "energy", "singular_values", "hidden_state_bound", "gradient_bound")


class Doubling(Cell):
    """h ← 2 h + u, with whatever it claims."""

    def __init__(self, input_size, hidden_size, claimed=2.0):
        super().__init__(input_size, hidden_size)
        self.claimed = claimed
        self.W = torch.nn.Parameter(2 * torch.eye(hidden_size))

    state_sizes = property(lambda self: {"h": self.hidden_size})
    output_size = property(lambda self: self.hidden_size)

    def reset_parameters(self): ...

    def initial_state(self, batch_size):
        return self.zeros(batch_size)

    def project(self, x):
        return x.repeat(1, 1, self.hidden_size)

    def recurrent_weights(self):
        return {"W": self.W}

    def step(self, u, state, w):
        return (u + state[0] @ w["W"],)

    def output(self, state):
        return state[0]

    def jacobian_bound(self, lag):
        return Bound("‖∂h_n/∂h_k‖₂", self.claimed**lag, (), "claimed")


@each_case
def test_what_a_cell_declares_is_measured_and_holds(case):
    torch.manual_seed(0)
    cell = case.make(2, 3)
    found = bound_checks(cell, torch.rand(40, 3, 2, dtype=torch.float64), lags=(1, 20), gradient_steps=(10,))
    assert tuple(found.columns) == COLUMNS
    declared = {
        name for name in (*JACOBIAN_BOUNDS, "hidden_state_bound", "gradient_bound", "energy") if hasattr(cell, name)
    }
    declared |= {
        name for name in ("orthogonal", "unitary", "invertible", "singular_values") if getattr(cell.claims, name)
    }
    assert set(found["statement"]) == declared
    assert not (found["holds"].isin(["no", "not measured"])).any(), found.to_string()
    applying = found[found["holds"] == "yes"]
    assert (applying["share"] <= 1 + 1e-6).all()


def test_every_kind_of_statement_is_declared_by_some_cell():
    torch.manual_seed(0)
    x = torch.rand(12, 1, 2, dtype=torch.float64)
    found = {name for case in CASES for name in bound_checks(case.make(2, 3), x)["statement"]}
    assert found == {*JACOBIAN_BOUNDS, *CLAIMED}


def test_a_bound_that_is_met_exactly_holds_and_one_that_is_exceeded_is_found_out():
    x = torch.rand(12, 2, 1)
    met, exceeded = (bound_checks(Doubling(1, 3, claimed), x, lags=(1, 10)) for claimed in (2.0, 1.9))
    assert met["share"].tolist() == pytest.approx([1.0, 1.0])
    assert (met["holds"] == "yes").all()
    assert (exceeded["holds"] == "no").all()
    assert exceeded["share"].iloc[1] == pytest.approx((2 / 1.9) ** 10)


def test_a_lower_bound_is_turned_round():
    class Claiming(Doubling):
        def jacobian_bound(self, lag):
            return Bound("‖∂h_n/∂h_k‖₂", self.claimed**lag, (), "claimed", lower=True)

    kept, broken = (bound_checks(Claiming(1, 3, claimed), torch.rand(5, 1, 1), lags=(2,)) for claimed in (1.9, 2.1))
    assert kept["holds"].tolist() == ["yes"]
    assert broken["holds"].tolist() == ["no"]


def test_a_matrix_that_is_not_what_it_claims_is_found_out():
    cell = Doubling(1, 3)
    cell.claims = Claims(orthogonal=True, singular_values=(0.9, 1.1))
    found = bound_checks(cell, torch.rand(3, 1, 1)).set_index("quantity")["holds"]
    assert found.to_dict() == {
        "‖∂h_n/∂h_k‖₂": "yes",
        "‖WᵀW - I‖₂": "no",
        "σ_max(W)": "no",
        "σ_min(W)": "yes",
    }


def test_an_unknown_quantity_and_a_failed_condition_are_said():
    class Odd(Doubling):
        def jacobian_bound(self, lag):
            return Bound("its colour", 1.0, (), "claimed")

        def hidden_state_bound(self, steps):
            return Bound("max_i |y_n,i|", 0.0, (Condition("a < b", False, {"a": 2.0, "b": 1.0}),), "claimed")

    found = bound_checks(Odd(1, 2), torch.rand(4, 1, 1), lags=(1,)).groupby("statement").first()
    assert found.loc["jacobian_bound", "holds"] == "not measured"
    assert found.loc["hidden_state_bound", "holds"] == "does not apply"
    assert found.loc["hidden_state_bound", "reason"] == "does not apply: a < b (a = 2, b = 1)"


@pytest.mark.parametrize("name", CELLS)
def test_jacobians_are_those_of_autograd(name):
    torch.manual_seed(0)
    cell = Case(name).make(2, 6)
    x = torch.randn(4, 1, 2, dtype=torch.float64)
    found = jacobians(cell, x, [2, 4])
    expected = jacobian(cell, cell.project(x)[:, 0], cell.initial_state(1))
    assert expected.abs().max() > 1e-3
    torch.testing.assert_close(found[4], expected)
    assert found[2].shape == expected.shape


def test_every_layer_and_direction_is_held_against_its_own_input():
    torch.manual_seed(0)
    layer = Recurrent("cornn", 2, 3, num_layers=2, bidirectional=True, residual=True)
    x = torch.randn(7, 2, 2)
    inputs = {name: data for name, _, data in cells_with_input(layer, x)}
    assert list(inputs) == ["layer 1, forward", "layer 1, backward", "layer 2, forward", "layer 2, backward"]
    assert torch.equal(inputs["layer 1, backward"], x.flip(0))
    expected = Recurrent([tuple(layer.cells[:2])], bidirectional=True)(x)[0]
    torch.testing.assert_close(inputs["layer 2, forward"], expected)
    assert set(bound_checks(layer, x, lags=(2,))["layer"]) == set(inputs)


def test_refuses_an_input_of_the_wrong_shape():
    with pytest.raises(ValueError, match=r"x must be \(time, batch, input_size\)"):
        bound_checks(Doubling(1, 2), torch.rand(4, 1))


def test_shares_of_infinite_and_zero_bounds_say_nothing_and_everything():
    class Edge(Doubling):
        def jacobian_bound(self, lag):
            return Bound("‖∂h_n/∂h_k‖₂", math.inf if lag == 1 else 0.0, (), "claimed")

    found = bound_checks(Edge(1, 2), torch.rand(4, 1, 1), lags=(1, 2))
    assert found["share"].tolist() == [0.0, math.inf]
    assert found["holds"].tolist() == ["yes", "no"]
