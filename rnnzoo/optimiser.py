"""The optimisers: PyTorch's own, and a step of theirs that a small network does not spend half of its update on."""

import torch
from torch.optim.adam import adam

from rnnzoo.configuration import TrainingOptions
from rnnzoo.model import SequenceModel


def make_optimizer(model: SequenceModel, options: TrainingOptions) -> torch.optim.Optimizer:
    """Return the optimiser over the model's parameter groups."""
    groups = model.parameter_groups(
        options.lr,
        constrained_lr_scale=options.constrained_lr_scale,
        recurrent_lr_scale=options.recurrent_lr_scale,
        weight_decay=options.weight_decay,
    )
    match options.optimizer:
        case "adam":
            return torch.optim.Adam(groups, fused=True)
        case "adamw":
            return torch.optim.AdamW(groups, fused=True)
        case "rmsprop":
            return torch.optim.RMSprop(groups)


@torch.no_grad()
def update(optimizer: torch.optim.Optimizer) -> None:
    """Do what `optimizer.step()` does.

    A step of Adam's is PyTorch's function of that name; the method tells profilers, compilers and hooks of it, which
    takes as long again for a few thousand parameters.
    """
    if not isinstance(optimizer, torch.optim.Adam):
        optimizer.step()
        return
    groups = [(group, [p for p in group["params"] if p.grad is not None]) for group in optimizer.param_groups]
    if not all(optimizer.state.get(p) for _, parameters in groups for p in parameters):  # the method makes it
        optimizer.step()
        return
    for group, parameters in groups:
        states = [optimizer.state[p] for p in parameters]
        adam(
            parameters,
            [p.grad for p in parameters if p.grad is not None],
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            [state["step"] for state in states],
            fused=group["fused"],
            decoupled_weight_decay=group["decoupled_weight_decay"],
            amsgrad=False,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=False,
        )
