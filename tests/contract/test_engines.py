"""Every engine carries every cell through time with the same numbers."""

import pytest
import torch
from torch import Tensor

from rnnzoo.engine import ENGINES, Unrolled, choose, unroll
from tests.contract.cases import Case, by_hand, draw_state, each_case, each_engine, twin, weighted_sum
from tests.tolerances import FLOAT32, GRADIENTS, NOT_NEGLIGIBLE, ROUND_TRIP, SAME_MATHS

SHAPES = [(1, 1, 7), (2, 3, 1), (63, 1, 7), (63, 3, 2)]  # steps, batch, hidden


def draw_input(steps: int, batch_size: int, width: int) -> Tensor:
    """Return x (steps, batch, width) whose elements are not next to each other in memory on any axis."""
    return torch.randn(batch_size, steps, 2 * width, dtype=torch.float64)[..., ::2].transpose(0, 1)


def everything(run: Unrolled) -> list[Tensor]:
    assert run.output is not None
    assert run.states is not None
    return [run.output, *run.state, *run.states]


@each_case
@each_engine
@pytest.mark.parametrize(("steps", "batch_size", "hidden_size"), SHAPES)
def test_engine_gives_the_numbers_and_gradients_of_the_hand_loop(
    case: Case, engine: str, steps: int, batch_size: int, hidden_size: int
) -> None:
    cell = case.make(hidden_size=hidden_size)
    other = twin(cell)
    x, initial = draw_input(steps, batch_size, 2), draw_state(cell, batch_size)
    x, other_x = x.requires_grad_(), x.detach().clone().requires_grad_()
    state, other_state = (tuple(part.clone().requires_grad_() for part in initial) for _ in range(2))

    actual = everything(unroll(cell, x, state, engine=engine, return_states=True))
    expected = everything(by_hand(other, other_x, other_state))
    for a, e in zip(actual, expected, strict=True):
        SAME_MATHS.assert_close(a, e)

    names = ["x", *cell.state_sizes, *(name for name, _ in cell.named_parameters())]
    inputs = [x, *state, *cell.parameters()]
    others = [other_x, *other_state, *other.parameters()]
    gradients = torch.autograd.grad(weighted_sum(actual), inputs, allow_unused=True, materialize_grads=True)
    wanted = torch.autograd.grad(weighted_sum(expected), others, allow_unused=True, materialize_grads=True)
    assert max(w.abs().max().item() for w in wanted if w.numel()) > 1e-3
    for name, gradient, want in zip(names, gradients, wanted, strict=True):
        GRADIENTS.assert_close(gradient, want, f"gradient of {name}")


@each_case
@each_engine
def test_gradient_of_the_last_output_reaches_the_first_input(case: Case, engine: str) -> None:
    steps = 9
    cell = case.make(hidden_size=16)
    other = twin(cell)
    x = draw_input(steps, 3, 2).clone().requires_grad_()
    other_x = x.detach().clone().requires_grad_()
    output = unroll(cell, x, engine=engine).output
    expected = by_hand(other, other_x, other.initial_state(3)).output
    assert output is not None
    assert expected is not None
    (gradient,) = torch.autograd.grad(weighted_sum([output[-1]]), x)
    (want,) = torch.autograd.grad(weighted_sum([expected[-1]]), other_x)
    share = want[0].norm() / want[-1].norm()
    assert share > NOT_NEGLIGIBLE, f"the gradient at lag {steps - 1} is {share:.1e} of that at lag 0: no test"
    scale = want[0].abs().max()
    GRADIENTS.assert_close(gradient[0] / scale, want[0] / scale)


@each_case
@each_engine
def test_gradcheck_of_input_state_and_all_parameters(case: Case, engine: str) -> None:
    cell = case.make()
    # five sequences: of a rectified unit some must be on
    x = torch.randn(3, 5, 2, dtype=torch.float64, requires_grad=True)
    state = tuple(part.clone().requires_grad_() for part in draw_state(cell, 5))
    parameters = [p for p in cell.parameters() if p.numel()]

    def run(x: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        # gradcheck moves the entries of the parameters in place, so the cell sees them without being handed them
        given = unroll(cell, x, rest[: len(state)], engine=engine)
        own = unroll(cell, x[:1], engine=engine)
        assert given.output is not None
        return (given.output, *given.state, *own.state)

    gradients = torch.autograd.grad(weighted_sum(run(x, *state)), (x, *state, *parameters))
    for gradient in gradients:
        assert gradient.abs().max() > 1e-3, "an input without effect: no test"
    assert torch.autograd.gradcheck(run, (x, *state, *parameters))


@each_case
@each_engine
@pytest.mark.parametrize(("outputs", "states"), [(False, False), (True, False), (False, True), (True, True)])
def test_engine_gives_what_is_asked_for(case: Case, engine: str, outputs: bool, states: bool) -> None:
    cell = case.make()
    x, state = draw_input(4, 2, 2), draw_state(cell, 2)
    with torch.no_grad():
        expected = by_hand(cell, x, state)
        u, w = cell.project(x), cell.recurrent_weights()
        run = ENGINES[choose(engine)](cell, u, state, w, outputs=outputs, states=states)
    assert (run.output is not None) == outputs
    assert (run.states is not None) == states
    wanted = [*expected.state, *([expected.output] if outputs else []), *(expected.states or () if states else ())]
    got = [*run.state, *([run.output] if outputs else []), *(run.states or () if states else ())]
    for a, e in zip(got, wanted, strict=True):
        assert a is not None
        assert e is not None
        SAME_MATHS.assert_close(a, e)


@each_case
@each_engine
def test_engine_leaves_its_inputs_as_they_are(case: Case, engine: str) -> None:
    cell = case.make()
    x, state = draw_input(4, 2, 2), draw_state(cell, 2)
    with torch.no_grad():
        u, w = cell.project(x), cell.recurrent_weights()
        kept = [t.clone() for t in (u, *state, *w.values())]
        ENGINES[choose(engine)](cell, u, state, w, outputs=True, states=True)
    for now, before in zip((u, *state, *w.values()), kept, strict=True):
        ROUND_TRIP.assert_close(now, before)


@each_case
@each_engine
def test_sequence_split_in_two_equals_the_whole(case: Case, engine: str) -> None:
    cell = case.make()
    x = draw_input(9, 3, 2)
    whole = unroll(cell, x, engine=engine)
    first = unroll(cell, x[:4], engine=engine)
    second = unroll(cell, x[4:], first.state, engine=engine)
    assert whole.output is not None
    assert first.output is not None
    assert second.output is not None
    assert not torch.equal(second.output, unroll(cell, x[4:], engine=engine).output), "the state has no effect"
    SAME_MATHS.assert_close(torch.cat([first.output, second.output]), whole.output)
    for a, e in zip(second.state, whole.state, strict=True):
        SAME_MATHS.assert_close(a, e)


@each_case
@each_engine
def test_batch_rows_do_not_touch_each_other(case: Case, engine: str) -> None:
    cell = case.make()
    x, state = draw_input(5, 3, 2), draw_state(cell, 3)
    whole = everything(unroll(cell, x, state, engine=engine, return_states=True))
    alone = everything(unroll(cell, x[:, 1:2], tuple(part[1:2] for part in state), engine=engine, return_states=True))
    for a, e in zip(alone, whole, strict=True):
        SAME_MATHS.assert_close(a, e[..., 1:2, :])


@each_case
@each_engine
def test_float32_is_float64_up_to_rounding(case: Case, engine: str) -> None:
    cell = case.make(hidden_size=7)
    single = twin(cell).float()
    x = draw_input(63, 3, 2)
    output, rough = unroll(cell, x, engine=engine).output, unroll(single, x.float(), engine=engine).output
    assert output is not None
    assert rough is not None
    assert rough.dtype == torch.float32
    FLOAT32.assert_close(rough.double(), output)
    gradients, roughs = (
        torch.autograd.grad(out.mean(), list(c.parameters()), materialize_grads=True, allow_unused=True)
        for out, c in ((output, cell), (rough, single))
    )
    for a, e in zip(roughs, gradients, strict=True):
        assert a.dtype == torch.float32
        scale = e.abs().max().clamp_min(1e-12) if e.numel() else torch.ones(())
        FLOAT32.assert_close(a.double() / scale, e / scale)


def test_every_engine_is_a_choice() -> None:
    for name in ENGINES:
        assert choose(name) == name
    assert choose("auto") in ENGINES
    with pytest.raises(ValueError, match=r"engine must be one of.*'reference'.*got 'fast'"):
        choose("fast")
