"""A cell's way through a batch that leaves no graph: there now, back when it is asked to.

Where nothing but a kernel lies between a cell's parameters and its states, autograd's bookkeeping takes up to a quarter
of a small network's training step.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from rnnzoo.cells.base import Cell, State
from rnnzoo.engine.leaves import Gradient
from rnnzoo.engine.native.graph import Unsupported
from rnnzoo.engine.native.kernel import Wanted, kernel_for, owned
from rnnzoo.engine.native.run import check_state, walk, walk_back
from rnnzoo.engine.projection import Projection, projected


class Passage:
    """The way of a cell from its own initial state through all steps of a batch.

    Args:
        cell: the cell.
        x: input (time, batch, input_size) in the dtype of the parameters, on the CPU.
        whole: whether the states after every step are wanted.
        towards_x: whether the gradient with respect to x is.

    Attributes:
        state: the state after the last step, a part each (batch, width).
        states: the state after every step, a part each (time, batch, width), or empty.

    Raises:
        Unsupported: the cell is not carried by a kernel that projects its input, or nothing of it is trained.
        ValueError: its initial state has another shape or dtype than it declares.
    """

    def __init__(self, cell: Cell, x: Tensor, *, whole: bool, towards_x: bool) -> None:
        with torch.enable_grad():
            projection = projected(cell, x)
            self._initial, self._weights = cell.initial_state(x.shape[1]), cell.kernel_weights()
        if not isinstance(projection, Projection):
            raise Unsupported("its projection is not V x + b alone")
        check_state(cell, x, self._initial)
        of_input = projection.weights()
        w = self._weights | of_input
        asked = {name for name, tensor in self._weights.items() if tensor.requires_grad}
        asked.update(filter(projection.asks, of_input))
        if not (asked or towards_x or any(part.requires_grad for part in self._initial)):
            raise Unsupported("no gradient is asked of it")
        self._kernel = kernel_for(cell, x, w, Wanted(towards_x, frozenset(asked)))
        self._owned, self._x, self._projection = owned(cell), x, projection
        self.state: State
        self.states: State
        self.state, self.states, self._walked = walk(
            self._kernel, self._owned, x, self._initial, tuple(w.values()), whole=whole, training=True
        )

    def kept(self) -> Iterator[Tensor]:
        """Yield the tensors that are kept for the way back."""
        yield self._x
        yield self._walked.memory
        yield from (value for value in self._walked.values.values() if isinstance(value, Tensor))

    def back(self, gradients: Sequence[Tensor | None]) -> tuple[Tensor | None, list[Gradient]]:
        """Go back, once only.

        Args:
            gradients: of the parts of `states`, or of `state` if these were not wanted; None for zero.

        Returns:
            The gradient of x if it was wanted, and the gradients of what the cell made of its parameters.
        """
        if self.states:
            gradients = [*[None] * len(gradients), *gradients]
        needs = [part.requires_grad for part in self._initial]
        back = walk_back(self._kernel, self._owned, self._x, self._walked, gradients, needs)
        of_weights = [(tensor, back.w.get(name)) for name, tensor in self._weights.items()]
        return back.u, [*zip(self._initial, back.state, strict=True), *of_weights, *self._projection.gradients(back.w)]
