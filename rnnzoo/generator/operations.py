"""What a node of a cell's graph does with what reaches it: elementwise functions of one value or of two.

All have a slope of order 1 at zero, so that a signal and its gradient pass many of them.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own convention

ONE: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda x: x,
    "tanh": torch.tanh,
    "sin": torch.sin,
    "elu": F.elu,
    "leaky_relu": lambda x: F.leaky_relu(x, 0.1),
}
"""Operations of the sum of all that reaches a node."""

TWO: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "gate": lambda x, y: 2 * x * torch.sigmoid(y),
    "blend": lambda x, y: y + torch.sigmoid(x) * (x - y),
}
"""Operations of the first that reaches a node, and of the sum of the rest or, without a rest, of the cell's state."""

OPERATIONS = (*ONE, *TWO)
"""All names; every node draws one of them with the same probability."""
