"""The layer against `torch.nn`, its options, and its errors."""

import copy
import pickle
import re
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence, pad_sequence

from rnnzoo import ENGINES, Recurrent, unroll
from rnnzoo.cells import CELLS, Cell, CoRNN
from rnnzoo.cells.rnn import RNN
from rnnzoo.engine import Unrolled
from tests.tolerances import GRADIENTS, ROUND_TRIP, SAME_MATHS

LENGTHS = [4, 1, 6, 4]  # sorting them is no involution: undoing it is not doing it again
DOUBLE = torch.float64


def draw(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=DOUBLE)


def rnn_twins(**layout: Any) -> tuple[Recurrent, nn.RNN]:
    """Return a tanh RNN of torch and a layer with the same parameters."""
    theirs = nn.RNN(2, 3, dtype=DOUBLE, **layout)
    ours = Recurrent("rnn", 2, 3, dtype=DOUBLE, **layout)
    suffixes = [
        f"l{n}{way}" for n in range(theirs.num_layers) for way in (["", "_reverse"][: 1 + theirs.bidirectional])
    ]
    with torch.no_grad():
        for cell, suffix in zip(ours.cells, suffixes, strict=True):
            assert isinstance(cell, RNN)
            cell.W.copy_(getattr(theirs, f"weight_hh_{suffix}"))
            cell.V.copy_(getattr(theirs, f"weight_ih_{suffix}"))
            cell.b.copy_(getattr(theirs, f"bias_ih_{suffix}") + getattr(theirs, f"bias_hh_{suffix}"))
    return ours, theirs


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 3])
@pytest.mark.parametrize("batch_first", [False, True])
def test_equals_torch_in_every_form(bidirectional: bool, num_layers: int, batch_first: bool) -> None:
    ours, theirs = rnn_twins(bidirectional=bidirectional, num_layers=num_layers, batch_first=batch_first)
    x = draw(4, 6, 2) if batch_first else draw(6, 4, 2)
    h0 = draw(num_layers * (1 + bidirectional), 4, 3)
    packed = pack_padded_sequence(x, torch.tensor(LENGTHS), batch_first=batch_first, enforce_sorted=False)
    for given in [(x,), (x, h0), (x[0],), (x[0], h0[:, 0]), (packed,), (packed, h0)]:
        (output, state), (wanted, wanted_state) = ours(*given), theirs(*given)
        if isinstance(wanted, PackedSequence):
            SAME_MATHS.assert_close(output.data, wanted.data)
            for a, e in zip(output[1:], wanted[1:], strict=True):
                assert torch.equal(a, e)
        else:
            SAME_MATHS.assert_close(output, wanted)
        SAME_MATHS.assert_close(state, wanted_state)
        assert ours(given[0], state)[1].shape == state.shape
    padded, padded_state = ours(x, h0, lengths=LENGTHS)
    SAME_MATHS.assert_close(padded, pad_packed_sequence(theirs(packed, h0)[0], batch_first=batch_first)[0])
    SAME_MATHS.assert_close(padded_state, theirs(packed, h0)[1])


def test_gradients_equal_those_of_torch_with_unequal_lengths() -> None:
    ours, theirs = rnn_twins(bidirectional=True, num_layers=2)
    x, weights = draw(6, 4, 2).requires_grad_(), draw(6, 4, 6)
    packed = pack_padded_sequence(x, torch.tensor(LENGTHS), enforce_sorted=False)
    wanted = (pad_packed_sequence(theirs(packed)[0])[0] * weights).sum()
    actual = (ours(x, lengths=LENGTHS)[0] * weights).sum()
    (gradient,), (want,) = torch.autograd.grad(actual, x), torch.autograd.grad(wanted, x)
    assert want[0].norm(dim=-1).min() > 1e-3
    GRADIENTS.assert_close(gradient, want)


@pytest.mark.parametrize("lengths", [LENGTHS, tuple(LENGTHS), torch.tensor(LENGTHS), torch.tensor(LENGTHS).int()])
def test_lengths_in_every_form(lengths: Any) -> None:
    layer = Recurrent("cornn", 2, 3, dtype=DOUBLE)
    x = draw(6, 4, 2)
    ROUND_TRIP.assert_close(layer(x, lengths=lengths)[0], layer(x, lengths=LENGTHS)[0])


def test_output_keeps_the_steps_of_the_input_when_no_sequence_has_them() -> None:
    layer = Recurrent("cornn", 2, 3, bidirectional=True, dtype=DOUBLE)
    x = draw(6, 2, 2)
    output, _ = layer(x, lengths=[2, 3])
    assert output.shape == (6, 2, 6)
    ROUND_TRIP.assert_close(output[:3], layer(x[:3], lengths=[2, 3])[0])
    assert not output[3:].any()


def test_equal_lengths_take_the_short_way() -> None:
    layer = Recurrent("cornn", 2, 3, dtype=DOUBLE)
    x = draw(6, 4, 2)
    ROUND_TRIP.assert_close(layer(x, lengths=[6] * 4)[0], layer(x)[0])
    packed = pack_padded_sequence(x, torch.tensor([6] * 4))
    ROUND_TRIP.assert_close(pad_packed_sequence(layer(packed)[0])[0], layer(x)[0])


@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_is_neither_read_nor_given_a_gradient(bidirectional: bool) -> None:
    layer = Recurrent("cornn", 2, 3, num_layers=2, bidirectional=bidirectional, dtype=DOUBLE)
    x = draw(6, 4, 2)
    clean = layer(x, lengths=LENGTHS)[0]
    for b, length in enumerate(LENGTHS):
        x[length:, b] = torch.nan
    x.requires_grad_()
    output = layer(x, lengths=LENGTHS)[0]
    ROUND_TRIP.assert_close(output, clean)
    (gradient,) = torch.autograd.grad(output.sum(), x)
    for b, length in enumerate(LENGTHS):
        assert gradient[:length, b].abs().min() > 0
        assert not gradient[length:, b].any()


def test_no_padding_step_is_computed_and_weights_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = Recurrent("cornn", 2, 3, bidirectional=True, dtype=DOUBLE)
    computed: list[tuple[int, int]] = []
    made: list[str] = []
    true_engine, true_weights, true_project = ENGINES["reference"], CoRNN.recurrent_weights, CoRNN.project

    def engine(cell: Cell, u: Tensor, *rest: Any, **asked: bool) -> Unrolled:
        computed.append((u.shape[0], u.shape[1]))
        return true_engine(cell, u, *rest, **asked)

    def weights(cell: CoRNN) -> Any:
        made.append("weights")
        return true_weights(cell)

    def project(cell: CoRNN, x: Tensor) -> Tensor:
        made.append("project")
        return true_project(cell, x)

    monkeypatch.setitem(ENGINES, "reference", engine)
    monkeypatch.setattr(CoRNN, "recurrent_weights", weights)
    monkeypatch.setattr(CoRNN, "project", project)
    layer.engine = "reference"
    layer(draw(6, 4, 2), lengths=LENGTHS)
    assert computed == [(1, 4), (3, 3), (2, 1)] * 2
    assert sum(steps * batch for steps, batch in computed) == 2 * sum(LENGTHS)
    assert sorted(made) == ["project"] * 2 + ["weights"] * 2


@pytest.mark.parametrize("layout", [{}, {"bidirectional": True}, {"num_layers": 2, "bidirectional": True}])
@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("name", ["rnn", "urnn"])
def test_last_output_is_that_of_each_directions_last_step(name: str, layout: dict[str, Any], residual: bool) -> None:
    input_size = Recurrent(name, 1, 2, **layout).output_size
    layer = Recurrent(name, input_size, 2, dtype=DOUBLE, residual=residual, **layout)
    x = draw(6, 4, input_size)
    half = layer.output_size // layer.directions
    state = tuple(torch.randn_like(p) for p in s) if isinstance(s := layer(x)[1], tuple) else torch.randn_like(s)
    for lengths in (None, LENGTHS):
        output = layer(x, state, lengths=lengths)[0]
        last = torch.stack([output[(lengths or [6] * 4)[b] - 1, b] for b in range(4)])
        expected = torch.cat([last[:, :half], output[0, :, half:]], -1)
        SAME_MATHS.assert_close(layer.last_output(x, state, lengths=lengths), expected)
    packed = pack_padded_sequence(x, torch.tensor(LENGTHS), enforce_sorted=False)
    SAME_MATHS.assert_close(layer.last_output(packed), layer.last_output(x, lengths=LENGTHS))
    SAME_MATHS.assert_close(layer.last_output(x[:, 1]), layer.last_output(x)[1])


def test_last_output_asks_the_top_layer_for_no_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = Recurrent("rnn", 2, 3, num_layers=2, bidirectional=True, engine="reference")
    asked: list[bool] = []
    true_engine = ENGINES["reference"]

    def engine(*given: Any, outputs: bool, states: bool) -> Unrolled:
        asked.append(outputs)
        return true_engine(*given, outputs=outputs, states=states)

    monkeypatch.setitem(ENGINES, "reference", engine)
    for lengths in (None, [5, 5, 2]):
        asked.clear()
        layer.last_output(torch.randn(5, 3, 2), lengths=lengths)
        per_run = len(asked) // 4
        assert asked == [True] * 2 * per_run + [False] * 2 * per_run


def test_states_follow_the_layout_and_each_cells_own_time() -> None:
    layer = Recurrent("cornn", 2, 3, num_layers=2, bidirectional=True, dtype=DOUBLE)
    x = draw(6, 4, 2)
    output, (y, z), states = layer(x, lengths=LENGTHS, return_states=True)
    assert [[part.shape for part in parts] for parts in states] == [[(6, 4, 3)] * 2] * 4
    for b, length in enumerate(LENGTHS):
        for index, parts in enumerate(states):
            for part, final in zip(parts, (y, z), strict=True):
                ROUND_TRIP.assert_close(part[length - 1, b], final[index, b])
                assert not part[length:, b].any()
        ROUND_TRIP.assert_close(states[2][0][:length, b], output[:length, b, :3])
        ROUND_TRIP.assert_close(states[3][0][:length, b].flip(0), output[:length, b, 3:])
    packed = pack_padded_sequence(x, torch.tensor(LENGTHS), enforce_sorted=False)
    layer.batch_first = True
    turned = layer(x.transpose(0, 1), lengths=LENGTHS, return_states=True)[2]
    for given in (turned, layer(packed, return_states=True)[2]):
        for parts, wanted in zip(given, states, strict=True):
            for a, e in zip(parts, wanted, strict=True):
                ROUND_TRIP.assert_close(a, e.transpose(0, 1))


def test_stack_of_different_cells_has_a_state_a_cell() -> None:
    cells = [CELLS["cornn"](2, 3, dtype=DOUBLE), CELLS["rnn"](3, 4, dtype=DOUBLE)]  # type: ignore[call-arg]
    layer = Recurrent(cells)
    assert (layer.num_layers, layer.input_size, layer.hidden_size, layer.output_size) == (2, 2, 4, 4)
    x = draw(6, 4, 2)
    output, state = layer(x)
    assert [[part.shape for part in parts] for parts in state] == [[(4, 3)] * 2, [(4, 4)]]
    first = unroll(cells[0], x)
    assert first.output is not None
    second = unroll(cells[1], first.output)
    assert second.output is not None
    ROUND_TRIP.assert_close(output, second.output)
    halves = layer(x[2:], layer(x[:2])[1])
    SAME_MATHS.assert_close(halves[0], output[2:])
    ragged = layer(x, state, lengths=LENGTHS)
    alone = layer(x[:1, 1], tuple(tuple(part[1] for part in parts) for parts in state))
    SAME_MATHS.assert_close(ragged[0][:1, 1], alone[0])
    SAME_MATHS.assert_close(ragged[1][0][1][1], alone[1][0][1])


def test_pairs_of_cells_are_directions() -> None:
    pair = (CELLS["rnn"](2, 3), CELLS["cornn"](2, 4))
    layer = Recurrent([pair], bidirectional=True)
    x = torch.randn(5, 2, 2)
    there, back = unroll(pair[0], x).output, unroll(pair[1], x.flip(0)).output
    assert there is not None
    assert back is not None
    ROUND_TRIP.assert_close(layer(x)[0], torch.cat([there, back.flip(0)], -1))


def test_cell_instance_is_one_layer_and_shares_its_parameters() -> None:
    cell = CELLS["cornn"](2, 3)
    layer = Recurrent(cell)
    assert layer.cells[0] is cell
    expected = unroll(cell, x := torch.randn(5, 2, 2)).output
    assert expected is not None
    ROUND_TRIP.assert_close(layer(x)[0], expected)


def test_a_list_of_hyperparameters_goes_by_layer() -> None:
    layer = Recurrent("cornn", 2, 3, num_layers=2, bidirectional=True, dt=[0.1, 0.2], gamma=3.0)
    cells = [cell for cell in layer.cells if isinstance(cell, CoRNN)]
    assert [(cell.dt, cell.gamma) for cell in cells] == [(0.1, 3.0)] * 2 + [(0.2, 3.0)] * 2


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_residual_adds_a_layers_input_where_widths_are_equal(lengths: list[int] | None) -> None:
    layer = Recurrent("rnn", 2, 3, num_layers=3, residual=True, dtype=DOUBLE)
    x = draw(6, 4, 2)
    h = Recurrent([layer.cells[0]])(x, lengths=lengths)[0]  # type: ignore[list-item]
    for cell in layer.cells[1:]:  # type: ignore[misc]
        h = h + Recurrent(cell)(h, lengths=lengths)[0]
    SAME_MATHS.assert_close(layer(x, lengths=lengths)[0], h)
    square = Recurrent("rnn", 3, 3, residual=True, dtype=DOUBLE)
    x = draw(6, 4, 3)
    SAME_MATHS.assert_close(square(x)[0], x + Recurrent(square.cells[0])(x)[0])  # type: ignore[arg-type]


def read_by_second_layer(layer: Recurrent, monkeypatch: pytest.MonkeyPatch, **given: Any) -> Tensor:
    seen: list[Tensor] = []
    true_project = RNN.project

    def project(cell: RNN, x: Tensor) -> Tensor:
        seen.append(x)
        return true_project(cell, x)

    with monkeypatch.context() as patch:
        patch.setattr(RNN, "project", project)
        layer(torch.randn(50, 8, 2), **given)
    return seen[1]


def test_dropout_lies_between_layers_only(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = Recurrent("rnn", 2, 30, num_layers=2, dropout=0.25)
    assert (read_by_second_layer(layer, monkeypatch) == 0).float().mean().item() == pytest.approx(0.25, abs=0.02)
    assert layer(torch.randn(50, 8, 2))[0].all()
    assert Recurrent("rnn", 2, 30, dropout=0.9)(torch.randn(5, 8, 2))[0].all()
    layer.eval()
    assert read_by_second_layer(layer, monkeypatch).all()


def test_dropout_keeps_the_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    for mask in ("step", "sequence"):
        torch.manual_seed(0)
        layer = Recurrent("rnn", 2, 3, num_layers=2, dropout=0.25, dropout_mask=mask)
        dropped = read_by_second_layer(layer, monkeypatch)
        torch.manual_seed(0)
        layer = Recurrent("rnn", 2, 3, num_layers=2, dropout=0.25, dropout_mask=mask).eval()
        whole = read_by_second_layer(layer, monkeypatch)
        kept = dropped != 0
        torch.testing.assert_close(dropped[kept] * 0.75, whole[kept])


@pytest.mark.parametrize("lengths", [None, [50, 49, 48, 30, 30, 20, 10, 5]])
def test_sequence_dropout_has_one_mask_for_all_steps(
    lengths: list[int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = Recurrent("rnn", 2, 30, num_layers=2, dropout=0.5, dropout_mask="sequence")
    read = read_by_second_layer(layer, monkeypatch, lengths=lengths)
    if lengths is not None:
        read = pad_sequence(
            [
                pad_packed_sequence(PackedSequence(read.squeeze(1), batch_sizes(lengths)))[0][:n, b]
                for b, n in enumerate(lengths)
            ]
        )
    for b, n in enumerate(lengths or [50] * 8):
        off = read[:n, b] == 0
        assert torch.equal(off, off[:1].expand_as(off))
    assert (read[0] == 0).float().mean().item() == pytest.approx(0.5, abs=0.12)
    assert not torch.equal(read[0, 0] == 0, read[0, 1] == 0)


def batch_sizes(lengths: list[int]) -> Tensor:
    return torch.tensor([sum(n > t for n in lengths) for t in range(max(lengths))])


def test_seeded_dropout_repeats() -> None:
    layer = Recurrent("rnn", 2, 5, num_layers=2, dropout=0.5)
    x = torch.randn(4, 3, 2)
    outputs = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        outputs.append(layer(x)[0])
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.equal(outputs[0], outputs[2])


def test_attributes_and_repr() -> None:
    layer = Recurrent("cornn", 2, 3, num_layers=2, bidirectional=True, dropout=0.1, batch_first=True, dt=0.5)
    for name, value in {
        "input_size": 2, "hidden_size": 3, "num_layers": 2, "bidirectional": True, "dropout": 0.1,
        "batch_first": True, "output_size": 6, "directions": 2,
    }.items():  # fmt: skip
        assert getattr(layer, name) == value
    assert "num_layers=2, bidirectional=True, dropout=0.1" in repr(layer)
    assert "dt=0.5" in repr(layer)


def test_reset_parameters_draws_every_cell_anew() -> None:
    layer = Recurrent("rnn", 2, 3, num_layers=2)
    before = [p.detach().clone() for p in layer.parameters()]
    torch.manual_seed(9)
    layer.reset_parameters()
    assert all(not torch.equal(p, b) for p, b in zip(layer.parameters(), before, strict=True))


def test_dtype_and_device_are_handed_on() -> None:
    assert {p.dtype for p in Recurrent("lstm", 2, 3, dtype=DOUBLE).parameters()} == {DOUBLE}
    assert all(p.is_meta for p in Recurrent("lstm", 2, 3, device="meta").parameters())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_runs_where_its_parameters_are() -> None:
    layer = Recurrent("lstm", 2, 3, num_layers=2, bidirectional=True, dtype=DOUBLE)
    x = draw(6, 4, 2)
    there = copy.deepcopy(layer).to("cuda")
    packed = pack_padded_sequence(x, torch.tensor(LENGTHS), enforce_sorted=False)
    SAME_MATHS.assert_close(there(x.cuda())[0].cpu(), layer(x)[0])
    SAME_MATHS.assert_close(there(x.cuda(), lengths=LENGTHS)[0].cpu(), layer(x, lengths=LENGTHS)[0])
    SAME_MATHS.assert_close(there(packed.to("cuda"))[0].data.cpu(), layer(packed)[0].data)


def test_survives_pickle_and_deepcopy_with_its_options() -> None:
    layer = Recurrent("rnn", 2, 3, num_layers=2, residual=True, dropout=0.5, dropout_mask="sequence").eval()
    x = torch.randn(4, 3, 2)
    for other in (pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer)):
        assert repr(other) == repr(layer)
        ROUND_TRIP.assert_close(other(x)[0], layer(x)[0])


@pytest.mark.parametrize("form", ["stack", "lengths", "packed"])
def test_compiles(form: str) -> None:
    torch.compiler.reset()
    layer = Recurrent("cornn", 2, 3, num_layers=1 + (form == "stack"), bidirectional=form != "packed", dtype=DOUBLE)
    compiled = torch.compile(layer, backend="eager")
    x = draw(2, 2, 2)
    if form == "packed":
        packed = pack_padded_sequence(x, torch.tensor([1, 2]), enforce_sorted=False)
        SAME_MATHS.assert_close(compiled(packed)[0].data, layer(packed)[0].data)
    else:
        lengths = [1, 2] if form == "lengths" else None
        SAME_MATHS.assert_close(compiled(x, lengths=lengths)[0], layer(x, lengths=lengths)[0])
        SAME_MATHS.assert_close(compiled(x, lengths=lengths)[1][1], layer(x, lengths=lengths)[1][1])


def cell(name: str = "rnn", input_size: int = 2, **options: Any) -> Cell:
    return CELLS[name](input_size, 3, **options)


BAD_CONSTRUCTIONS: list[tuple[tuple[Any, ...], dict[str, Any], type[Exception], str]] = [
    (("rmn", 2, 3), {}, ValueError, "cell must be one of 'rnn', .*'cornn'.*got 'rmn'"),
    ((Cell, 2, 3), {}, TypeError, "concrete cell class .*rnn.*got the class Cell"),
    ((nn.LSTM, 2, 3), {}, TypeError, "concrete cell class .*got the class LSTM"),
    ((7,), {}, TypeError, "cell must be a cell, a non-empty list.*got 7"),
    (([],), {}, TypeError, "non-empty list"),
    (("rnn",), {}, TypeError, "input_size must be an integer, got None"),
    (("rnn", 2), {}, TypeError, "hidden_size must be an integer, got None"),
    (("rnn", 0, 3), {}, ValueError, "input_size must be at least 1, got 0"),
    (("rnn", 2, 3.0), {}, TypeError, "hidden_size must be an integer, got 3.0"),
    (("rnn", 2, 3), {"num_layers": 0}, ValueError, "num_layers must be at least 1, got 0"),
    (("rnn", 2, 3), {"bidirectional": 1}, TypeError, "bidirectional must be True or False, got 1"),
    (("rnn", 2, 3), {"dropout": 1.0}, ValueError, r"dropout must lie in \[0, 1\), got 1.0"),
    (("rnn", 2, 3), {"dropout_mask": "layer"}, ValueError, "dropout_mask must be one of 'step', 'sequence', got"),
    (("rnn", 2, 3), {"engine": "warp"}, ValueError, "engine must be one of 'auto', 'reference'.*got 'warp'"),
    (("cornn", 2, 3), {"tau": 1}, TypeError, "CoRNN has no hyperparameter 'tau' .given 1.; it has dt, gamma, epsilon"),
    (("rnn", 2, 3), {"bias": False}, TypeError, "RNN has no hyperparameter 'bias'.*it has none"),
    (("cornn", 2, 3), {"dt": [0.1, 0.2]}, ValueError, "dt must be one value or a list of num_layers = 1 values"),
    (("cornn", 2, 3), {"dt": -1.0}, ValueError, "CoRNN: dt must lie in"),
    (("rnn", 2, 3), {"residual": True}, ValueError, "residual is True, but layer 0 takes 2 features and puts out 3"),
    ((cell(), 2, 3), {}, TypeError, "input_size=2, hidden_size=3 cannot go with cells that are made already"),
    ((cell(),), {"dt": 0.1}, TypeError, "dt=0.1 cannot go with cells that are made already"),
    ((cell(),), {"num_layers": 2}, ValueError, "num_layers is 2, but cell holds 1"),
    ((cell(),), {"bidirectional": True}, TypeError, "must be a pair .forward, backward. of cells"),
    (([(cell(), cell())],), {}, TypeError, "with bidirectional=False each layer must be a cell"),
    (([cell(), cell()],), {}, ValueError, "RNN in layer 1 has input_size 2, but the layer below puts out 3"),
    (([(cell(), cell(input_size=4))],), {"bidirectional": True}, ValueError, "the forward cell takes 2"),
    (([cell(), cell(input_size=3, dtype=DOUBLE)],), {}, ValueError, "share dtype.*torch.float32.*torch.float64"),
    (([cell(), CELLS["rnn"](3, 4)],), {"residual": True}, ValueError, "layer 1 takes 3 features and puts out 4"),
]


@pytest.mark.parametrize(("given", "options", "error", "message"), BAD_CONSTRUCTIONS)
def test_bad_construction(
    given: tuple[Any, ...], options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Recurrent(*given, **options)


ZEROS = torch.zeros
BAD_CALLS: list[tuple[tuple[Any, ...], dict[str, Any], type[Exception], str]] = [
    ((ZEROS(5, 4, 3),), {}, ValueError, "x must be (time, batch, 2) or, without a batch, (time, 2), "),
    ((ZEROS(5),), {}, ValueError, "got (5,)"),
    ((ZEROS(0, 4, 2),), {}, ValueError, "at least one entry, got (0, 4, 2)"),
    ((ZEROS(5, 4, 2, dtype=DOUBLE),), {}, TypeError, "x is torch.float64 on cpu, the parameters are torch.float32"),
    ((ZEROS(5, 4, 2, device="meta"),), {}, TypeError, "x is torch.float32 on meta"),
    (([[1.0, 2.0]],), {}, TypeError, "x must be a tensor (time, batch, 2)"),
    ((ZEROS(5, 4, 2), ZEROS(1, 4, 3)), {}, ValueError, "state must be a tuple (y, z), got Tensor"),
    ((ZEROS(5, 4, 2), (ZEROS(1, 4, 3),)), {}, ValueError, "state must be a tuple (y, z), got 1 parts"),
    (
        (ZEROS(5, 4, 2), (ZEROS(1, 4, 3), ZEROS(1, 5, 3))),
        {},
        ValueError,
        "part z, must be a tensor (1, 4, 3), got shape",
    ),
    (
        (ZEROS(5, 2), (ZEROS(1, 1, 3),) * 2),
        {},
        ValueError,
        "state, part y, must be a tensor (1, 3), got shape (1, 1, 3)",
    ),
    ((ZEROS(5, 4, 2), (ZEROS(1, 4, 3, dtype=DOUBLE),) * 2), {}, TypeError, "state, part y, is torch.float64"),
    ((ZEROS(5, 4, 2),), {"lengths": [5, 5]}, ValueError, "lengths must hold a number for each of 4 sequences, got 2"),
    ((ZEROS(5, 4, 2),), {"lengths": [5, 0, 1, 1]}, ValueError, "lengths must lie in [1, 5], got 0 to 5"),
    ((ZEROS(5, 4, 2),), {"lengths": [6, 1, 1, 1]}, ValueError, "lengths must lie in [1, 5], got 1 to 6"),
    (
        (ZEROS(5, 4, 2),),
        {"lengths": [5.0] * 4},
        TypeError,
        "lengths must be a list of integers or a 1-D integer tensor",
    ),
    ((ZEROS(5, 4, 2),), {"lengths": ZEROS(4)}, TypeError, "1-D tensor of integers, got torch.float32"),
    ((ZEROS(5, 2),), {"lengths": [5]}, ValueError, "lengths cannot go with a sequence without a batch"),
    (
        (pack_padded_sequence(ZEROS(5, 4, 2), torch.tensor([5] * 4)),),
        {"lengths": [5] * 4},
        ValueError,
        "PackedSequence",
    ),
    ((pack_padded_sequence(ZEROS(5, 4, 3), torch.tensor([5] * 4)),), {}, ValueError, "packed data (entries, 2)"),
]


@pytest.mark.parametrize(("given", "options", "error", "message"), BAD_CALLS)
def test_bad_call(given: tuple[Any, ...], options: dict[str, Any], error: type[Exception], message: str) -> None:
    layer = Recurrent("cornn", 2, 3)
    with pytest.raises(error, match=re.escape(message)):
        layer(*given, **options)
    with pytest.raises(error, match=re.escape(message)):
        layer.last_output(*given, **options)


def test_bad_states_of_single_part_and_of_different_cells() -> None:
    x = torch.zeros(5, 4, 2)
    with pytest.raises(ValueError, match=r"state, part h, must be a tensor \(1, 4, 3\), got tuple"):
        Recurrent("rnn", 2, 3)(x, (torch.zeros(1, 4, 3),))
    mixed = Recurrent([CELLS["cornn"](2, 3), CELLS["rnn"](3, 3)])
    with pytest.raises(ValueError, match="state must be a tuple with an entry for each of the 2 cells, got 1 entries"):
        mixed(x, (torch.zeros(4, 3),))
    with pytest.raises(ValueError, match=r"state\[1\] must be a tuple \(h\), got 2 parts"):
        mixed(x, ((torch.zeros(4, 3),) * 2, (torch.zeros(4, 3),) * 2))
    with pytest.raises(ValueError, match=r"x must be \(batch, time, 2\)"):
        Recurrent("rnn", 2, 3, batch_first=True)(torch.zeros(4, 5, 3))
