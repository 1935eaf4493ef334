"""Backpropagation with the chain rule written out: loss, readout, and layer by layer the kernels' own way back.

It calls the operators that autograd calls, and gives the same bits. In a small network's training step autograd's
graph, and finding out anew what a layer is to do, take up to a quarter of the time.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention
from torch.nn.modules import module as modules

from rnnzoo.cells.base import Cell, State
from rnnzoo.engine.automatic import kernels_apply
from rnnzoo.engine.leaves import Gradient, accumulate
from rnnzoo.engine.native import Unsupported
from rnnzoo.engine.native.passage import Passage
from rnnzoo.learning.base import WATCHERS
from rnnzoo.model import SequenceModel
from rnnzoo.recurrent import Recurrent
from rnnzoo.tasks.base import Batch, Task


class ChainRule:
    """∂L/∂θ of a stack of cells that kernels carry, under a linear readout.

    Args:
        model: what learns.
        task: gives the loss and its gradient in the answer.
    """

    def __init__(self, model: SequenceModel, task: Task) -> None:
        self.model = model
        self.task = task
        self._parameters = list(model.parameters())

    def backward(self, batch: Batch) -> Tensor | None:
        """Add the gradients of the loss to the parameters' `grad` and return the loss, or do nothing and return None.

        None means that there is more to the model, or to the batch, than this knows of: autograd knows it.
        """
        if not (_is_plain(self.model) and self._knows(batch)):
            return None
        linear = self.model.linear
        cells = [cell for cell in self.model.recurrent.cells if isinstance(cell, Cell)]
        every = self.model.readout == "every"
        with torch.no_grad():
            h = batch.x
            layers: list[tuple[Passage, _Output]] = []
            for layer, cell in enumerate(cells, 1):
                whole = every or layer < len(cells)
                try:
                    passage = Passage(cell, h, whole=whole, towards_x=layer > 1)
                except Unsupported:
                    return None
                output = _Output(cell, passage.states if whole else passage.state)
                layers.append((passage, output))
                h = output.h
            C, c = linear.weight, linear.bias
            loss, error = self.task.loss_and_gradient(F.linear(h, C, c), batch.target)
            for seen in WATCHERS:
                for kept in (h, error, *(tensor for passage, _ in layers for tensor in passage.kept())):
                    seen(kept)
            rows = error.flatten(0, -2)
            gradients: list[Gradient] = [(C, rows.t() @ h.flatten(0, -2)), (c, rows.sum(0))]
            of_h: Tensor | None = error @ C
            for passage, output in reversed(layers):
                assert of_h is not None
                of_h, of_cell = passage.back(output.back(of_h))
                gradients += of_cell
            accumulate(gradients)  # all at once: autograd's engine takes a while to start
        return loss

    def _knows(self, batch: Batch) -> bool:
        """Whether a batch, and the way in which the model is used now, are no more than what is written out here."""
        model, recurrent, x = self.model, self.model.recurrent, batch.x
        like = self._parameters[0]
        return (
            recurrent.engine in ("auto", "native")
            and batch.lengths is None
            and not x.requires_grad
            and x.dim() == 3
            and x.shape[2] == recurrent.input_size
            and x.numel() > 0
            and x.dtype == like.dtype
            and like.is_cpu
            and kernels_apply(x)
            and not (model.training and (recurrent.dropout > 0 or model.readout_dropout > 0))
            and torch.is_grad_enabled()
            and not torch.is_anomaly_enabled()
            and not modules._has_any_global_hook()  # type: ignore[no-untyped-call]
            and not any(map(_hooked, (model, recurrent, model.linear)))
            and not any(p._backward_hooks or p._post_accumulate_grad_hooks for p in self._parameters)
        )


class _Output:
    """What a cell puts out of a state, and how errors come back through that.

    Attributes:
        h: the output.
    """

    def __init__(self, cell: Cell, state: State) -> None:
        self._state = state
        self.h = cell.output(state)
        # most cells put out a part of their state as it is
        self._part = next((k for k, part in enumerate(state) if part is self.h), None)
        if self._part is None:
            self._state = tuple(part.detach().requires_grad_() for part in state)
            with torch.enable_grad():
                self.h = cell.output(self._state)

    def back(self, error: Tensor) -> list[Tensor | None]:
        """Return the gradients of the parts of the state from that of the output."""
        if self._part is not None:
            return [error if k == self._part else None for k in range(len(self._state))]
        return list(torch.autograd.grad(self.h, self._state, error, allow_unused=True))


def _is_plain(model: SequenceModel) -> bool:
    """Whether a model is a stack of one direction under a linear readout and nothing else."""
    recurrent = model.recurrent
    return (
        type(model) is SequenceModel
        and type(recurrent) is Recurrent
        and type(model.linear) is nn.Linear
        and model.embedding is None
        and model.encoder is None
        and not (recurrent.bidirectional or recurrent.batch_first or recurrent.residual)
    )


def _hooked(module: nn.Module) -> bool:
    return bool(
        module._forward_hooks or module._forward_pre_hooks or module._backward_hooks or module._backward_pre_hooks
    )
