"""The hidden size that a budget of parameters affords: models are made without memory, and their parameters counted."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from rnnzoo.checks import positive_integer
from rnnzoo.model import SequenceModel


def solve_hidden_size(budget: int, make: Callable[[int], SequenceModel | int]) -> int:
    """Return the largest hidden size whose model has at most `budget` trained parameters.

    Args:
        budget: parameters, at least 1.
        make: hidden size → model, or its parameter count; the count must grow with the hidden size. It is called
            with `torch.device("meta")` as the default device, where parameters take no memory, and for real if it
            cannot work there. The state of torch's CPU generator is the same afterwards as before.

    Raises:
        ValueError: the budget is too small for hidden size 1, or the count does not grow with the hidden size.
    """
    positive_integer("solve_hidden_size", "budget", budget)

    def count(hidden_size: int) -> int:
        made = _on_meta(make, hidden_size)
        return made if isinstance(made, int) else made.parameter_count()

    with torch.random.fork_rng(devices=[]):
        least = count(1)
        if least > budget:
            raise ValueError(
                f"solve_hidden_size: budget must be at least {least}, the parameters at hidden size 1, got {budget}; "
                "raise it, or take fewer layers"
            )
        low, high = 1, 2
        while (found := count(high)) <= budget:
            if high > budget:
                raise ValueError(
                    f"solve_hidden_size: make must give more parameters for a larger hidden size, got {found} at "
                    f"{high} and {least} at 1; check that it passes the hidden size on"
                )
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            if count(middle) <= budget:
                low = middle
            else:
                high = middle
    return low


def _on_meta(make: Callable[[int], SequenceModel | int], hidden_size: int) -> SequenceModel | int:
    try:
        with without_memory():
            return make(hidden_size)
    except (NotImplementedError, RuntimeError):
        # An initialisation that reads values, such as one from numpy or from an eigendecomposition.
        return make(hidden_size)


@contextmanager
def without_memory() -> Iterator[None]:
    """Make models whose parameters take no memory and are not drawn, to count them."""
    with torch.device("meta"), _Undrawn():
        yield


class _Undrawn(TorchFunctionMode):
    """Leaves parameters without memory undrawn: to draw them PyTorch would import its compiler, which takes seconds."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        del types
        if func in (Tensor.normal_, Tensor.uniform_) and args[0].is_meta:
            return args[0]
        return func(*args, **(kwargs or {}))
