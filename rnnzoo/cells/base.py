"""The cell interface: a cell is its paper's equation and nothing else.

A cell knows no batch order, no loop over time and no task. It is cut in three, which is what makes cells comparable
and fast: `project` holds all that depends on the input alone (one matrix product for the whole sequence),
`recurrent_weights` all that depends on parameters alone (made once per sequence), `step` the recurrence itself.

Subclasses are final: they implement every abstract method and override nothing else, except `kernel_weights` where a
kernel has less work with another form of w.
"""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping
from itertools import chain
from typing import Any, ClassVar, Protocol, final, runtime_checkable

import torch
from torch import Tensor, nn

from rnnzoo.cells.claims import Claims
from rnnzoo.cells.settings import Construction, Recipe, SearchSpace
from rnnzoo.checks import number_in, positive_integer

State = tuple[Tensor, ...]
"""The state at one time: a tensor (batch, width) for each entry of `Cell.state_sizes`, in that order."""

Weights = dict[str, Tensor]
"""What `Cell.recurrent_weights` returns: name → tensor; matrices are laid out for `row_vectors @ matrix`."""

CONSTRAINED_LR_SCALE = 0.1
"""Learning rate of constrained parameters as a share of the others': a tenth, as the expRNN authors advise."""


class Cell(nn.Module, ABC):
    """Abstract recurrent cell: state_t = step(project(x_t), state_{t−1}, recurrent_weights()).

    Args:
        input_size: features of the input at one time step, at least 1.
        hidden_size: units H, at least 1.
        device: where the parameters live.
        dtype: `torch.float32` or `torch.float64`.

    Attributes:
        claims: structural properties that the paper claims, set on the class or, where they depend on
            hyperparameters, on the instance.
        search_space: what a study searches for this cell.
        recipes: task name → the paper's set-up for it.
        constrained_parameters: names of parameters that want a smaller learning rate, such as the free entries
            of a skew-symmetric matrix; no weight decay is applied to them.
        complex_weights: names of recurrent weights that are the real form of a complex matrix (as
            `rnnzoo.unitary.real_form` makes it), by which an engine may multiply with fewer operations.
        structured_weights: names of recurrent weights of a known structure → which, one of
            `rnnzoo.engine.native.structures`; constants, by which a kernel multiplies with less work.
        construction: for a cell whose wiring is drawn at random, which hyperparameters say which draw it is.

    Raises:
        TypeError, ValueError: a size is not a positive integer.
    """

    claims: Claims = Claims()
    search_space: ClassVar[SearchSpace] = SearchSpace()
    recipes: ClassVar[Mapping[str, Recipe]] = {}
    constrained_parameters: ClassVar[tuple[str, ...]] = ()
    complex_weights: ClassVar[tuple[str, ...]] = ()
    structured_weights: ClassVar[Mapping[str, str]] = {}
    construction: ClassVar[Construction | None] = None

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        owner = type(self).__name__
        self.input_size = positive_integer(owner, "input_size", input_size)
        self.hidden_size = positive_integer(owner, "hidden_size", hidden_size)

    @property
    @abstractmethod
    def state_sizes(self) -> dict[str, int]:
        """Name and width of each part of the state, e.g. {"y": H, "z": H}; a complex part is a pair of real ones."""

    @abstractmethod
    def reset_parameters(self) -> None:
        """Draw the parameters anew from the paper's initialisation, with torch's global generator."""

    @abstractmethod
    def initial_state(self, batch_size: int) -> State:
        """Return the state before the first step: a (batch, width) tensor a part; most cells return `self.zeros`."""

    @abstractmethod
    def project(self, x: Tensor) -> Tensor:
        """Return u, all that depends on the input alone: (time, batch, input_size) → (time, batch, ·)."""

    @abstractmethod
    def recurrent_weights(self) -> Weights:
        """Return w, every parameter that `step` uses, in the form in which it is used."""

    def kernel_weights(self) -> Weights:
        """Return w in the form in which a kernel has least work with it; `step` takes this one too."""
        return self.recurrent_weights()

    @abstractmethod
    def step(self, u: Tensor, state: State, w: Weights) -> State:
        """Return the next state from u_t (batch, ·), the state and w; pure, and reads no parameter of `self`."""

    @abstractmethod
    def output(self, state: State) -> Tensor:
        """Return h (…, output_size), what a readout or the next layer sees of a state of any leading shape."""

    @property
    @abstractmethod
    def output_size(self) -> int:
        """Width of `output`."""

    @final
    def zeros(self, batch_size: int) -> State:
        """Return the zero state for a batch, on the device and in the dtype of the parameters."""
        # its own first: to find one among all of its modules takes as long as the rest
        like = next(p for p in chain(self._parameters.values(), self.parameters()) if p is not None)
        return tuple(like.new_zeros(batch_size, width) for width in self.state_sizes.values())

    def forward(self, x: Tensor, state: State | None = None) -> State:
        """Take a single step: x (batch, input_size) → next state, for use as `torch.nn.LSTMCell` is used."""
        state = self.initial_state(x.shape[0]) if state is None else state
        return self.step(self.project(x.unsqueeze(0))[0], state, self.recurrent_weights())

    @final
    def parameter_groups(
        self, lr: float, *, constrained_lr_scale: float = CONSTRAINED_LR_SCALE, weight_decay: float = 0.0
    ) -> list[dict[str, Any]]:
        """Return optimiser groups: the free parameters at `lr`, the constrained ones at `lr · constrained_lr_scale`.

        Args:
            lr: learning rate of the free parameters, above 0.
            constrained_lr_scale: factor for the constrained ones, above 0.
            weight_decay: for the free parameters only: decay would pull a constrained one along its manifold.
        """
        owner = type(self).__name__
        lr = number_in(owner, "lr", lr, 0.0, open_low=True)
        scale = number_in(owner, "constrained_lr_scale", constrained_lr_scale, 0.0, open_low=True)
        named = dict(self.named_parameters())
        constrained = [named.pop(name) for name in self.constrained_parameters if name in named]
        groups: list[dict[str, Any]] = [{"params": list(named.values()), "lr": lr, "weight_decay": weight_decay}]
        if constrained:
            groups.append({"params": constrained, "lr": lr * scale, "weight_decay": 0.0})
        return groups

    @classmethod
    @final
    def hyperparameter_names(cls) -> tuple[str, ...]:
        """Return the names of the constructor's arguments beyond sizes, device and dtype, in order."""
        fixed = {"self", "input_size", "hidden_size", "device", "dtype"}
        return tuple(name for name in inspect.signature(cls.__init__).parameters if name not in fixed)

    @final
    def hyperparameters(self) -> dict[str, Any]:
        """Return the hyperparameters that this cell was made with; each is kept as an attribute of its name."""
        return {name: getattr(self, name) for name in self.hyperparameter_names()}

    @final
    def extra_repr(self) -> str:
        """Return sizes and hyperparameters for `repr`."""
        settings = {"input_size": self.input_size, "hidden_size": self.hidden_size, **self.hyperparameters()}
        return ", ".join(f"{name}={value!r}" for name, value in settings.items())


@runtime_checkable
class Penalised(Protocol):
    """A module that adds a term of its own to the loss; a training loop asks for it with `isinstance`."""

    def penalty(self) -> Tensor:
        """Return the term, a scalar: a soft constraint on parameters, already multiplied by its strength."""
        ...


def parameter(*shape: int, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> nn.Parameter:
    """Return an uninitialised parameter; `reset_parameters` must fill it."""
    return nn.Parameter(torch.empty(shape, device=device, dtype=dtype))
