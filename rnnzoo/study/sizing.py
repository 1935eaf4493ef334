"""How large a competitor's models are, and which wiring each of them has where a cell's wiring is drawn at random."""

from collections.abc import Mapping
from typing import Any

import optuna
import torch

from rnnzoo.cells import CELLS
from rnnzoo.configuration import canonical, digest
from rnnzoo.hidden_size import solve_hidden_size, without_memory
from rnnzoo.model import SequenceModel, build_model
from rnnzoo.tasks.base import Task

WITHIN = 0.05
"""How far below the budget a drawn network may stay, as a share of the budget."""

MOST_DRAWS = 100
"""Networks drawn for a run before it is given up that one fits the budget."""


class NoFittingDraw(ValueError):  # noqa: N818 - says what is the case
    """No network that was drawn fits the budget; the message says how large the smallest one is."""


def model_of(task: Task, base: Mapping[str, Any], hidden_size: int) -> SequenceModel:
    """Return a model of a competitor."""
    return build_model(
        base["cell"],
        hidden_size,
        input_size=task.input_size,
        output_size=task.output_size,
        readout=task.readout,
        num_layers=base["num_layers"],
        bidirectional=base["bidirectional"],
        residual=base["residual"],
        dropout=base["dropout"],
        dropout_mask=base["dropout_mask"],
        readout_dropout=base["readout_dropout"],
        readout_initialisation=base["training"].get("readout", "default"),
        hyperparameters=base["cell_options"],
        encoder=base.get("encoder"),
        vocabulary=task.vocabulary,
        embedding=base.get("embedding"),
    )


def draws(cell: str, options: Mapping[str, Any]) -> bool:
    """Whether each run of a cell with these fixed options has a wiring of its own."""
    how = CELLS[cell].construction
    return how is not None and how.seed not in options and how.file not in options


def drawn(task: Task, base: Mapping[str, Any], values: Mapping[str, Any], budget: int | None) -> dict[str, Any]:
    """Return the options and the hidden size of a run with a wiring of its own.

    The seed of the draw follows from the run's seed and its searched values, so that every trial and every confirm run
    is a fresh draw, and a trial's rungs are the same network. A network that cannot come within `WITHIN` of the budget
    is drawn anew.

    Args:
        task: the task.
        base: the run's configuration, with the searched options of the cell in place.
        values: what was searched, by dotted name.
        budget: largest number of parameters, or None to keep the hidden size.

    Returns:
        `cell_options` and `hidden_size`.

    Raises:
        NoFittingDraw: none of `MOST_DRAWS` networks fits.
        ValueError: the hyperparameters are impossible.
    """
    seeds = [int(digest([base["seed"], dict(values), draw]), 16) % 2**31 for draw in range(MOST_DRAWS)]
    how = CELLS[base["cell"]].construction
    assert how is not None
    if budget is None:
        return {"cell_options": dict(base["cell_options"]) | {how.seed: seeds[0]}, "hidden_size": base["hidden_size"]}
    least = []
    for seed in seeds:
        options = dict(base["cell_options"]) | {how.seed: seed}
        small, size, count = _sized(task, dict(base) | {"cell_options": options}, budget)
        least.append(small)
        if (1 - WITHIN) * budget <= count <= budget:
            return {"cell_options": options, "hidden_size": size}
    raise NoFittingDraw(
        f"none of {MOST_DRAWS} networks of {base['cell']!r} drawn with {_shown(base['cell_options'])} comes within "
        f"{100 * WITHIN:g}% of budget.parameters = {budget}: the smallest one has {min(least)} parameters; raise the "
        "budget, or fix fewer nodes in the cell's options"
    )


def check_largest(task: Task, base: Mapping[str, Any], space: Mapping[str, Any], budget: int | None) -> None:
    """Draw with the largest numbers of a search space, so that a budget too small for them is noticed beforehand.

    Raises:
        NoFittingDraw, ValueError: as `drawn`.
    """
    largest = {
        name: distribution.high
        for name, distribution in space.items()
        if isinstance(distribution, optuna.distributions.IntDistribution | optuna.distributions.FloatDistribution)
    }
    options = dict(base["cell_options"]) | largest
    drawn(task, dict(base) | {"cell_options": options}, largest, budget)


def _sized(task: Task, base: Mapping[str, Any], budget: int) -> tuple[int, int, int]:
    """Return the parameters at hidden size 1, the hidden size for the budget and the parameters then."""
    ends = (task.input_size, task.output_size, task.readout)
    parts = ("cell", "cell_options", "num_layers", "bidirectional", "residual", "encoder")
    model = {name: base.get(name) for name in parts}
    key = canonical([ends, model, budget])
    if key not in _known:
        with torch.random.fork_rng(devices=[]):

            def count(hidden_size: int) -> int:
                with without_memory():
                    return model_of(task, base, hidden_size).parameter_count()

            least = count(1)
            size = solve_hidden_size(budget, count) if least <= budget else 1
            _known[key] = (least, size, count(size))
    return _known[key]


_known: dict[str, tuple[int, int, int]] = {}


def _shown(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in options.items()) or "its defaults"
