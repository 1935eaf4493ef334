"""The optimisers: groups and settings as asked for, and an update that is PyTorch's step, bit for bit."""

from copy import deepcopy

import pytest
import torch

from rnnzoo.configuration import TrainingOptions
from rnnzoo.model import build_model
from rnnzoo.optimiser import Update, make_optimizer

SETTINGS = {"steps": 1, "batch_size": 1, "lr": 0.01, "weight_decay": 0.1, "constrained_lr_scale": 0.5}


def pair(name):
    """Return two models with the same parameters, and an optimiser of each."""
    models = []
    for _ in range(2):
        torch.manual_seed(0)
        models.append(build_model("exprnn", 5, input_size=2, output_size=3, readout="last"))
    options = TrainingOptions.model_validate({**SETTINGS, "optimizer": name})
    return models, [make_optimizer(model, options) for model in models]


@pytest.mark.parametrize("name", ["adam", "adamw", "rmsprop"])
def test_an_update_is_a_step_of_the_optimiser_bit_for_bit(name):
    models, (ours, theirs) = pair(name)
    update = Update(ours)
    assert len(ours.param_groups) > 1
    for step in range(8):
        for k, parameters in enumerate(zip(*(model.parameters() for model in models), strict=True)):
            gradient = torch.randn(parameters[0].shape)
            for parameter in parameters:  # at some steps one parameter has no gradient
                parameter.grad = None if step in (2, 4) and k == 1 else gradient.clone()
        if step == 3:  # a restart
            ours.state.clear()
            theirs.state.clear()
        if step == 6:  # from a checkpoint
            ours.load_state_dict(deepcopy(ours.state_dict()))
        for group in (*ours.param_groups, *theirs.param_groups):
            group["lr"] *= 0.9  # a schedule
        update()
        theirs.step()
        assert all(torch.equal(a, b) for a, b in zip(*(model.parameters() for model in models), strict=True))
        states = zip(ours.state_dict()["state"].values(), theirs.state_dict()["state"].values(), strict=True)
        assert all(torch.equal(a[key], b[key]) for a, b in states for key in b)


@pytest.mark.parametrize("name", ["adam", "rmsprop"])
def test_an_update_leaves_no_graph_and_needs_no_gradient(name):
    models, (ours, _) = pair(name)
    Update(ours)()
    assert not ours.state_dict()["state"]
    assert all(p.requires_grad and p.grad_fn is None for p in models[0].parameters())
