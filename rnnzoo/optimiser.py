"""The optimisers: PyTorch's own, and a step of theirs that a small network does not spend half of its update on."""

from typing import Any

import torch
from torch import Tensor
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


class Update:
    """Does what `optimizer.step()` does.

    A step of Adam's is PyTorch's function of that name; the method tells profilers, compilers and hooks of it, and
    gathers what the function is given, which takes as long again for a few thousand parameters.
    """

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.optimizer = optimizer
        self._state: object = None
        self._given: list[tuple[dict[str, Any], list[Tensor], list[list[Tensor]]]] = []

    @torch.no_grad()
    def __call__(self) -> None:
        """Take a step."""
        optimizer = self.optimizer
        # loading makes a new state, and a restart empties it
        if optimizer.state is not self._state or not optimizer.state:
            self._gather()
        gradients = [[p.grad for p in parameters if p.grad is not None] for _, parameters, _ in self._given]
        if not gradients or any(len(g) < len(given[1]) for g, given in zip(gradients, self._given, strict=True)):
            optimizer.step()  # which makes the state that is missing, and leaves out what has no gradient
            return
        for of_group, (group, parameters, (means, squares, steps)) in zip(gradients, self._given, strict=True):
            adam(
                parameters,
                of_group,
                means,
                squares,
                [],
                steps,
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

    def _gather(self) -> None:
        """Take down what Adam's function is given beside gradients, where all of it is there."""
        optimizer = self.optimizer
        self._state, self._given = None, []
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        if not isinstance(optimizer, torch.optim.Adam) or not all(optimizer.state.get(p) for p in parameters):
            return
        self._state = optimizer.state
        for group in optimizer.param_groups:
            states = [optimizer.state[p] for p in group["params"]]
            lists = [[state[name] for state in states] for name in ("exp_avg", "exp_avg_sq", "step")]
            self._given.append((group, group["params"], lists))
