"""Random hyperparameters for the tests of drawn networks."""

from random import Random
from typing import Any

from optuna.distributions import FloatDistribution, IntDistribution

from rnnzoo.cells import CELLS

GENERATED = CELLS["generated"]


def random_options(seed: int) -> dict[str, Any]:
    """Return the eight hyperparameters, drawn from the search space, and the seed of the draw."""
    rng = Random(seed)
    options: dict[str, Any] = {}
    for name, distribution in GENERATED.search_space.cell.items():
        match distribution:
            case IntDistribution():
                options[name] = rng.randint(distribution.low, distribution.high)
            case FloatDistribution():
                options[name] = rng.uniform(distribution.low, distribution.high)
            case _:
                raise AssertionError(f"{name} has the distribution {distribution}")
    return {**options, "graph_seed": seed}


SMALL = {"top_nodes": 4, "middle_nodes": 1, "bottom_nodes": 4}
"""Hyperparameters of networks whose kernels are built in about a second."""
