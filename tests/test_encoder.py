"""The convolutional front end, and how it is taught by feedback."""

import pytest
import torch
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from rnnzoo.configuration import TrainingOptions
from rnnzoo.encoder import Encoder
from rnnzoo.learning.bptt import BPTT
from rnnzoo.learning.dfa import DFA
from rnnzoo.learning.feedback import through_convolution
from rnnzoo.learning.readout import ReadoutOnly
from rnnzoo.learning.transport import transport
from rnnzoo.training import Training
from tests.learning.models import assert_same, batch_of, feedback_options, small, taught
from tests.tolerances import GRADIENTS, SAME_MATHS

TWO = {"channels": (4, 6)}


def test_the_cell_reads_what_two_dimensional_convolutions_put_out():
    encoder = Encoder(8, **TWO, dtype=torch.float64)
    x = torch.randn(9, 3, 8, dtype=torch.float64)
    image = x.permute(1, 0, 2).unsqueeze(1)
    for layer in encoder.layers:
        image = F.relu(F.conv2d(image, layer.weight, layer.bias, stride=2, padding=1))
    assert encoder(x).shape == (encoder.steps(9), 3, encoder.output_size) == (3, 3, 12)
    for t in range(3):
        SAME_MATHS.assert_close(encoder(x)[t], image[:, :, t].flatten(1))
    SAME_MATHS.assert_close(encoder.image(encoder(x)), image)


def test_one_dimensional_convolutions_slide_along_time():
    encoder = Encoder(5, kind="conv1d", channels=(7,), kernel=3, stride=2, activation="tanh", dtype=torch.float64)
    x = torch.randn(8, 3, 5, dtype=torch.float64)
    expected = torch.tanh(F.conv1d(x.permute(1, 2, 0), encoder.layers[0].weight, encoder.layers[0].bias, 2, 1))
    SAME_MATHS.assert_close(encoder(x), expected.permute(2, 0, 1))
    assert (encoder.steps(8), encoder.output_size) == (4, 7)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"channels": ()}, "must name at least one layer"),
        ({"kind": "conv3d"}, "kind must be one of"),
        ({"stride": 0}, "stride must be at least 1"),
    ],
)
def test_impossible_encoders_are_refused(arguments, text):
    with pytest.raises(ValueError, match=text):
        Encoder(8, **arguments)


def test_an_encoder_needs_an_answer_after_the_last_step():
    with pytest.raises(ValueError, match="the readout is at every step"):
        small("rnn", "copy", encoder=TWO)


@pytest.mark.parametrize("depth", ["layer", "stack"])
@pytest.mark.parametrize("inside", ["backpropagation", "alignment"])
@pytest.mark.parametrize("kind", ["conv1d", "conv2d"])
def test_every_parameter_is_taught(depth, inside, kind):
    model, task = small("gru", encoder=TWO | {"kind": kind})
    options = feedback_options(depth=depth, inside=inside, groups=2, block=2)
    fed = taught(DFA(model, task, options, 1), batch_of(task))
    assert fed.keys() == dict(model.named_parameters()).keys()
    assert all(bool(gradient.abs().max() > 0) for gradient in fed.values())


def test_a_module_of_everything_with_the_readout_s_weights_is_backpropagation():
    model, task = small("gru", encoder=TWO)
    given = {"layer0": model.linear.weight.detach().unsqueeze(0)}
    options = feedback_options(depth="stack", block="sequence", reach="output")
    direct = DFA(model, task, options, 1, given)
    batch = batch_of(task)
    assert_same(taught(direct, batch), taught(BPTT(model, task), batch), GRADIENTS)


def test_convolutional_feedback_with_the_kernel_is_the_transposed_convolution():
    kernel, z = torch.randn(6, 4, 3, 3, dtype=torch.float64), torch.randn(2, 4, 7, 7, dtype=torch.float64)
    z.requires_grad_()
    error = torch.randn(2, 6, 4, 4, dtype=torch.float64)
    (expected,) = torch.autograd.grad(F.conv2d(z, kernel, stride=2, padding=1), z, error)
    SAME_MATHS.assert_close(through_convolution(error, kernel, 2, z, dilation=1, groups=1), expected)


@pytest.mark.parametrize(("dilation", "groups"), [(1, 1), (2, 1), (3, 2)])
def test_convolutional_feedback_fits_every_layer(dilation, groups):
    error, like = torch.randn(2, 6, 2, 3), torch.zeros(2, 4, 7, 9)
    weight = torch.randn(6, 4 // groups, 3, 3)
    assert through_convolution(error, weight, 4, like, dilation, groups).shape == like.shape


def test_groups_must_divide_the_channels():
    model, task = small("gru", encoder=TWO)
    with pytest.raises(ValueError, match=r"learning.groups = 4 must divide .* \[4, 6\]"):
        DFA(model, task, feedback_options(inside="alignment", groups=4), 1)


def test_errors_through_an_encoder_are_counted():
    model, task = small("rnn", encoder=TWO)
    counts = transport(DFA(model, task, feedback_options(inside="alignment", groups=2), 1), task.length)
    counts = counts.set_index("way")
    # cell: 12 features to 5 units over 2 steps; kernel of layer 2: 6 × 4 × 9 at 2 × 2 positions
    assert counts.loc["encoder", "backpropagation"] == 2 * 60 + 216 * 4
    assert counts.loc["encoder", "multiply_adds"] == 6 * 2 * 9 * 4
    assert counts.loc["feedback", "multiply_adds"] == 2 * 10 * 5 + 2 * 10 * 12


def test_an_encoder_is_trained_and_counted():
    model, task = small("rnn", encoder=TWO, dtype=torch.float32)
    before = [p.detach().clone() for p in model.encoder.parameters()]
    options = TrainingOptions.model_validate({"steps": 2, "batch_size": 4, "lr": 0.01, "evaluate_every": 1})
    Training(model, task, options, 1, DFA(model, task, feedback_options(), 1)).advance()
    assert all(not torch.equal(p, old) for p, old in zip(model.encoder.parameters(), before, strict=True))
    plain, _ = small("rnn", encoder=None)
    extra = 4 * 9 + 4 + 6 * 4 * 9 + 6
    assert model.parameter_count() == plain.parameter_count() + extra + 5 * (12 - 8)


def test_the_control_teaches_neither_the_encoder_nor_the_cell():
    model, task = small("gru", encoder=TWO)
    batch = batch_of(task)
    true = taught(BPTT(model, task), batch)
    expected = {name: gradient for name, gradient in true.items() if name.startswith("linear.")}
    control = taught(ReadoutOnly(model, task), batch)
    assert control.keys() == expected.keys()
    assert_same(control, expected, GRADIENTS)
