"""The optimisers: PyTorch's own, and a step of theirs that a small network does not spend half of its update on."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

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


class _Given(NamedTuple):
    """What Adam's operator is given for a group of parameters, beside gradients; a tensor a parameter.

    Attributes:
        group: the optimiser's own, whose settings may change.
        means, squares: of the gradients.
        steps: how many were done.
        ones: what is added to that.
    """

    group: dict[str, Any]
    parameters: list[Tensor]
    means: list[Tensor]
    squares: list[Tensor]
    steps: list[Tensor]
    ones: list[Tensor]


class Update:
    """Does what `optimizer.step()` does.

    A step of Adam's is one operator of PyTorch's; the method tells profilers, compilers and hooks of it, and finds out
    anew what the operator is given, which for a few thousand parameters takes several times as long.
    """

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.optimizer = optimizer
        self._state: object = None
        self._given: list[_Given] = []

    @torch.no_grad()
    def __call__(self) -> None:
        """Take a step."""
        optimizer = self.optimizer
        # loading makes a new state, and a restart empties it
        if optimizer.state is not self._state or not optimizer.state:
            self._gather()
        gradients = [[p.grad for p in of.parameters if p.grad is not None] for of in self._given]
        if not gradients or any(len(g) < len(of.parameters) for g, of in zip(gradients, self._given, strict=True)):
            optimizer.step()  # which makes the state that is missing, and leaves out what has no gradient
            return
        for of_group, (group, parameters, means, squares, steps, ones) in zip(gradients, self._given, strict=True):
            # tensors of ones: a number would be made one for each, in twice the time
            torch._foreach_add_(steps, ones)
            # what the method calls in the end, where all parameters are of one device and dtype
            step = torch._fused_adamw_ if group["decoupled_weight_decay"] else torch._fused_adam_
            step(
                parameters,
                of_group,
                means,
                squares,
                [],
                steps,
                lr=group["lr"],
                beta1=group["betas"][0],
                beta2=group["betas"][1],
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                amsgrad=False,
                maximize=False,
            )

    def _gather(self) -> None:
        """Take down what Adam's operator is given beside gradients, where all of it is there, and in one place."""
        optimizer = self.optimizer
        self._state, self._given = None, []
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        if not isinstance(optimizer, torch.optim.Adam) or not all(optimizer.state.get(p) for p in parameters):
            return
        if len({(p.device, p.dtype) for p in parameters}) > 1:
            return
        self._state = optimizer.state
        for group in optimizer.param_groups:
            states = [optimizer.state[p] for p in group["params"]]
            means, squares, steps = ([state[name] for state in states] for name in ("exp_avg", "exp_avg_sq", "step"))
            ones = [torch.ones_like(step) for step in steps]
            self._given.append(_Given(group, group["params"], means, squares, steps, ones))
