"""The standardised readout: the same maps as a linear one, seen from where descent is quick."""

import pytest
import torch

from rnnzoo.model import build_model
from rnnzoo.readout import StandardisedLinear
from tests.tolerances import SAME_MATHS


def measured(offset: float = 1000.0) -> tuple[StandardisedLinear, torch.Tensor]:
    torch.manual_seed(0)
    h = torch.randn(500, 4, dtype=torch.float64) * torch.tensor([1.0, 10.0, 0.1, 1.0]) + offset
    readout = StandardisedLinear(4, 2, dtype=torch.float64)
    readout.standardise(h)
    return readout, h


def test_features_are_seen_with_mean_zero_and_spread_one() -> None:
    readout, h = measured()
    with torch.no_grad():
        readout.weight.copy_(torch.eye(4)[:2])
    seen = readout(h)
    torch.testing.assert_close(seen.mean(0), torch.zeros(2, dtype=torch.float64), rtol=0, atol=1e-10)
    torch.testing.assert_close(seen.std(0, correction=0), torch.ones(2, dtype=torch.float64), rtol=0, atol=1e-10)


def test_statistics_are_over_all_leading_axes() -> None:
    readout, h = measured()
    other = StandardisedLinear(4, 2, dtype=torch.float64)
    other.standardise(h.view(25, 20, 4))
    assert torch.equal(other.mean, readout.mean)
    assert torch.equal(other.scale, readout.scale)


def test_folded_is_the_same_map() -> None:
    readout, h = measured(offset=3.0)
    with torch.no_grad():
        readout.weight.normal_()
        readout.bias.normal_()
    plain = readout.folded()
    assert type(plain) is torch.nn.Linear
    SAME_MATHS.assert_close(plain(h), readout(h))


def test_what_hardly_moves_is_not_blown_up() -> None:
    readout = StandardisedLinear(3, 1)
    h = torch.randn(100, 3) * torch.tensor([1.0, 1.0, 1e-7])
    readout.standardise(h)
    assert readout.scale[2].item() == pytest.approx(1e-3 * h.std(0, correction=0).mean().item())
    for still in (torch.full((100, 3), 2.0), torch.ones(1, 3), torch.full((100, 3), torch.nan)):
        readout.standardise(still)
        assert torch.equal(readout.scale, torch.ones(3))


def test_reset_forgets_the_data() -> None:
    readout, h = measured()
    with torch.no_grad():
        readout.weight.normal_()
    readout.reset_parameters()
    assert not readout(h).any()
    assert torch.equal(readout.scale, torch.ones(4, dtype=torch.float64))


def test_descent_finds_what_a_plain_readout_does_not_in_the_time() -> None:
    """A target of h, whose features have an offset a thousand times their spread."""
    readout, h = measured()
    target = h[:, :1] - 1000
    plain = torch.nn.Linear(4, 2, dtype=torch.float64)
    errors = []
    for layer in (readout, plain):
        optimizer = torch.optim.Adam(layer.parameters(), lr=0.01)
        for _ in range(500):
            optimizer.zero_grad()
            loss = (layer(h)[:, :1] - target).square().mean()
            loss.backward()
            optimizer.step()
        errors.append(loss.item())
    assert errors[0] < 1e-4 < errors[1]


@pytest.mark.parametrize("readout", ["last", "every"])
def test_a_model_measures_what_its_readout_will_see_and_leaves_dropout_out(readout: str) -> None:
    model = build_model(
        "gru",
        5,
        input_size=2,
        output_size=3,
        readout=readout,
        num_layers=2,
        dropout=0.5,
        readout_initialisation="standardised",
    )
    x = torch.randn(6, 40, 2)
    drawn = torch.get_rng_state()
    model.standardise(x)
    assert model.training
    assert torch.equal(torch.get_rng_state(), drawn)
    model.eval()
    with torch.no_grad():
        h = model.recurrent(x)[0] if readout == "every" else model.recurrent.last_output(x)
        model.linear.weight.copy_(torch.eye(5)[:3])
        seen = model(x).flatten(0, -2)
    torch.testing.assert_close(model.linear.mean, h.flatten(0, -2).mean(0), rtol=0, atol=1e-6)
    torch.testing.assert_close(seen.std(0, correction=0), torch.ones(3), rtol=0, atol=1e-5)


def test_another_readout_has_nothing_to_measure() -> None:
    model = build_model("rnn", 4, input_size=2, output_size=1, readout="last")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.standardise(torch.randn(3, 10, 2))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_dropout_ahead_of_it_is_refused() -> None:
    with pytest.raises(ValueError, match="zero is far from their mean; set readout_dropout=0"):
        build_model(
            "rnn",
            4,
            input_size=2,
            output_size=1,
            readout="last",
            readout_initialisation="standardised",
            readout_dropout=0.1,
        )
