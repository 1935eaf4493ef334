"""The sequence model: readouts, optimiser groups, and the size that a budget of parameters buys."""

import math
from typing import Any

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence

from rnnzoo import CELLS, Recurrent
from rnnzoo.hidden_size import solve_hidden_size
from rnnzoo.model import SequenceModel, build_model
from tests.tolerances import ROUND_TRIP, SAME_MATHS

LENGTHS = [3, 5, 1]


def model(name: str = "cornn", hidden_size: int = 4, **options: Any) -> SequenceModel:
    settings: dict[str, Any] = {"input_size": 2, "output_size": 3, "readout": "last", "dtype": torch.float64, **options}
    return build_model(name, hidden_size, **settings)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_readout_is_linear_in_the_output(bidirectional: bool, lengths: list[int] | None) -> None:
    x = torch.randn(5, 3, 2, dtype=torch.float64)
    last = model(num_layers=2, bidirectional=bidirectional)
    every = model(num_layers=2, bidirectional=bidirectional, readout="every")
    every.load_state_dict(last.state_dict())
    weight, bias = last.linear.weight, last.linear.bias
    output = last.recurrent(x, lengths=lengths)[0]
    assert last(x, lengths).shape == (3, 3)
    SAME_MATHS.assert_close(last(x, lengths), last.recurrent.last_output(x, lengths=lengths) @ weight.T + bias)
    SAME_MATHS.assert_close(every(x, lengths), output @ weight.T + bias)
    assert last(x[:, 0]).shape == (3,)
    assert every(x[:, 0]).shape == (5, 3)


def test_packed_input() -> None:
    x = torch.randn(5, 3, 2, dtype=torch.float64)
    packed = pack_padded_sequence(x, torch.tensor(LENGTHS), enforce_sorted=False)
    last = model()
    SAME_MATHS.assert_close(last(packed), last(x, LENGTHS))
    with pytest.raises(TypeError, match="x is a PackedSequence, but the readout is at every step"):
        model(readout="every")(packed)


def test_kaiming_readout() -> None:
    made = model(hidden_size=200, output_size=300, readout_initialisation="kaiming_normal")
    for _ in range(2):
        assert made.linear.weight.std().item() == pytest.approx(math.sqrt(2 / 200), rel=0.02)
        assert not made.linear.bias.any()
        made.reset_parameters()
    plain = model(hidden_size=200, output_size=300)
    assert plain.linear.weight.abs().max().item() <= 1 / math.sqrt(200)
    assert plain.linear.bias.any()


def test_same_seed_same_parameters() -> None:
    torch.manual_seed(3)
    made = model("spectral", num_layers=2)
    kept = {name: value.clone() for name, value in made.state_dict().items()}
    other = model("spectral", num_layers=2)
    assert not torch.equal(other.linear.weight, made.linear.weight)
    torch.manual_seed(3)
    again = model("spectral", num_layers=2)
    for name, value in again.state_dict().items():
        ROUND_TRIP.assert_close(value, kept[name])


def test_groups_with_the_same_settings_are_merged() -> None:
    made = model("exprnn", num_layers=3)
    free, constrained = made.parameter_groups(0.1, constrained_lr_scale=0.5, weight_decay=0.01)
    assert (free["lr"], free["weight_decay"]) == (0.1, 0.01)
    assert (constrained["lr"], constrained["weight_decay"]) == (0.05, 0.0)
    assert {id(p) for p in constrained["params"]} == {id(cell.A) for cell in made.recurrent.cells}
    assert any(p is made.linear.weight for p in free["params"])
    grouped = [id(p) for group in (free, constrained) for p in group["params"]]
    assert sorted(grouped) == sorted(id(p) for p in made.parameters())
    assert len(made.parameter_groups(0.1, constrained_lr_scale=1.0)) == 1
    torch.optim.Adam(made.parameter_groups(0.1))


def test_the_recurrent_layer_may_learn_more_slowly_than_the_readout() -> None:
    made = model("exprnn", num_layers=2)
    groups = made.parameter_groups(0.1, constrained_lr_scale=0.5, recurrent_lr_scale=0.01)
    lr = {id(p): group["lr"] for group in groups for p in group["params"]}
    for cell in made.recurrent.cells:
        assert lr[id(cell.A)] == pytest.approx(0.0005)
        assert lr[id(cell.b)] == pytest.approx(0.001)
    assert lr[id(made.linear.weight)] == lr[id(made.linear.bias)] == 0.1


def test_a_shared_cell_is_grouped_and_counted_once() -> None:
    shared = CELLS["rnn"](4, 4)
    made = SequenceModel(Recurrent([CELLS["rnn"](2, 4), shared, shared]), 1, readout="last")
    grouped = [id(p) for group in made.parameter_groups(0.1) for p in group["params"]]
    assert len(grouped) == len(set(grouped)) == 8
    assert made.parameter_count() == (16 + 8 + 4) + (16 + 16 + 4) + 5


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"lr": 0.0}, ValueError, "lr must lie in"),
        ({"lr": 0.1, "weight_decay": -1.0}, ValueError, "weight_decay must lie in"),
        ({"lr": 0.1, "constrained_lr_scale": "x"}, TypeError, "constrained_lr_scale must be a number"),
        ({"lr": 0.1, "recurrent_lr_scale": 0.0}, ValueError, "recurrent_lr_scale must lie in"),
    ],
)
def test_bad_group_settings(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        model().parameter_groups(**options)


def test_parameter_count_is_the_papers() -> None:
    # coRNN on MNIST: 34,314 and 134,154 (2H² + dH + H, and 10 readouts)
    for hidden_size, count in ((128, 34_314), (256, 134_154)):
        made = build_model("cornn", hidden_size, input_size=1, output_size=10, readout="last", device="meta")
        assert made.parameter_count() == count
    made = model()
    made.linear.bias.requires_grad_(False)
    assert made.parameter_count() == model().parameter_count() - 3


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("num_layers", [1, 2])
def test_solved_size_is_the_largest_within_the_budget(name: str, num_layers: int) -> None:
    def make(hidden_size: int) -> SequenceModel:
        return build_model(name, hidden_size, input_size=2, output_size=10, readout="last", num_layers=num_layers)

    generator = torch.get_rng_state()
    hidden_size = solve_hidden_size(5_000, make)
    assert torch.equal(torch.get_rng_state(), generator)
    assert make(hidden_size).parameter_count() <= 5_000 < make(hidden_size + 1).parameter_count()
    assert next(make(hidden_size).parameters()).device.type == "cpu"


def test_solved_size_at_the_edges() -> None:
    def make(hidden_size: int) -> SequenceModel:
        return build_model("rnn", hidden_size, input_size=1, output_size=1, readout="last")

    least = make(1).parameter_count()
    assert solve_hidden_size(least, make) == 1
    assert solve_hidden_size(make(2).parameter_count() - 1, make) == 1
    assert solve_hidden_size(make(2).parameter_count(), make) == 2
    assert solve_hidden_size(make(37).parameter_count(), make) == 37
    with pytest.raises(ValueError, match=f"budget must be at least {least}, .* got {least - 1}"):
        solve_hidden_size(least - 1, make)
    with pytest.raises(ValueError, match="must give more parameters for a larger hidden size"):
        solve_hidden_size(100, lambda hidden_size: make(3))
    with pytest.raises(TypeError, match="budget must be an integer"):
        solve_hidden_size(1e4, make)  # type: ignore[arg-type]
    assert solve_hidden_size(100, lambda hidden_size: hidden_size**2) == 10


def test_solved_size_takes_no_memory_and_falls_back_where_meta_cannot_work() -> None:
    places: list[str] = []

    def make(hidden_size: int) -> SequenceModel:
        made = build_model("rnn", hidden_size, input_size=1, output_size=1, readout="last")
        places.append(next(made.parameters()).device.type)
        return made

    def reads_values(hidden_size: int) -> SequenceModel:
        made = make(hidden_size)
        made.linear.bias.sum().item()
        return made

    huge = solve_hidden_size(10**12, make)
    assert huge == 999_998  # H² + 3H + 1 ≤ 10¹²
    assert set(places) == {"meta"}
    generator = torch.get_rng_state()
    assert solve_hidden_size(1_000, reads_values) == solve_hidden_size(1_000, make)
    assert "cpu" in places
    assert torch.equal(torch.get_rng_state(), generator)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"readout": "first"}, ValueError, "readout must be one of 'last', 'every', got 'first'"),
        ({"readout_initialisation": "zeros"}, ValueError, "readout_initialisation must be one of"),
        ({"output_size": 0}, ValueError, "output_size must be at least 1, got 0"),
        ({"hyperparameters": {"tau": 2}}, TypeError, "'cornn' has no hyperparameter 'tau' .given 2.; it has dt, gamma"),
        ({"hyperparameters": {"batch_first": True}}, TypeError, "has no hyperparameter 'batch_first'"),
        ({"hyperparameters": {"dt": [0.1]}, "num_layers": 2}, ValueError, "dt must be one value or a list"),
    ],
)
def test_bad_model(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        model(**options)


def test_model_wants_a_recurrent_layer() -> None:
    with pytest.raises(TypeError, match="recurrent must be a Recurrent layer, got RNN"):
        SequenceModel(CELLS["rnn"](2, 3), 1, readout="last")  # type: ignore[arg-type]


@pytest.mark.parametrize("readout", ["last", "every"])
def test_dropout_before_the_readout_zeroes_outputs_in_training_alone(readout):
    """The readout is made the identity, so that what it sees can be read off its answer."""
    torch.manual_seed(0)
    model = build_model(
        "rnn", 64, input_size=3, output_size=64, readout=readout, dropout_mask="sequence", readout_dropout=0.5
    )
    torch.nn.init.eye_(model.linear.weight)
    torch.nn.init.zeros_(model.linear.bias)
    x = torch.randn(9, 4, 3)
    whole = model.eval()(x)
    assert (whole != 0).all()
    dropped = model.train()(x)
    kept = dropped != 0
    assert 0.3 < kept.double().mean() < 0.7
    torch.testing.assert_close(dropped[kept], 2 * whole[kept])
    if readout == "every":  # one mask for all steps of a sequence, another for the next sequence
        assert (kept == kept[:1]).all()
        assert not (kept[:, :1] == kept).all()
