"""From gradients of what was made of parameters to gradients of the parameters."""

from collections.abc import Iterable
from typing import TypeAlias

import torch
from torch import Tensor

Gradient: TypeAlias = tuple[Tensor | None, Tensor | None]
"""A tensor and its gradient."""


def accumulate(gradients: Iterable[Gradient]) -> None:
    """Do what `torch.autograd.backward` does, past its engine where a tensor is a leaf or a leaf's transpose.

    Args:
        gradients: those of which either part is None, or whose tensor asks for none, are left out.
    """
    made: list[tuple[Tensor, Tensor]] = []
    given: set[int] = set()
    for tensor, gradient in gradients:
        if tensor is None or gradient is None or not tensor.requires_grad:
            continue
        leaf = tensor if tensor.is_leaf else _transposed(tensor)
        if leaf is None:
            made.append((tensor, gradient))
            continue
        # two leaves whose gradients are one tensor must not share it: clipping scales each in place
        shared = gradient.data_ptr() in given
        given.add(gradient.data_ptr())
        of_leaf = gradient if leaf is tensor else gradient.t()
        _add(leaf, of_leaf.clone() if shared else of_leaf)
    if made:
        tensors, of_them = zip(*made, strict=True)
        torch.autograd.backward(tensors, of_them)


def _transposed(tensor: Tensor) -> Tensor | None:
    """Return the leaf whose transpose a tensor is, or None."""
    made_by = tensor.grad_fn
    if made_by is None or made_by.name() != "TBackward0":
        return None
    leaf: Tensor | None = getattr(made_by.next_functions[0][0], "variable", None)
    return leaf


def _add(leaf: Tensor, gradient: Tensor) -> None:
    if leaf.grad is not None:
        leaf.grad.add_(gradient)
    else:  # laid out as the leaf is, which optimisers count on
        leaf.grad = gradient if gradient.stride() == leaf.stride() else torch.empty_like(leaf).copy_(gradient)
