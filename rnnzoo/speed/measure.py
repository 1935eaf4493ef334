"""Times what a speed study asks for, all of it in this process, one thing at a time."""

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pandas as pd
import torch
from torch import Tensor, nn

from rnnzoo.cells import CELLS
from rnnzoo.engine import NativeEngineError, release, resolve, weights_for
from rnnzoo.engine.agreement import compiler
from rnnzoo.engine.bench import FEWEST, bench, described, interleaved, with_engine
from rnnzoo.engine.conditions import conditions
from rnnzoo.records import environment
from rnnzoo.speed.plan import SpeedPlan
from rnnzoo.speed.schema import Length, Memory

COLUMNS = (
    "part", "cell", "engine", "steps", "batch", "hidden", "seconds", "fastest", "memory_mib", "repetitions", "passes",
    "reason",
)  # fmt: skip
"""Columns of `Measured.rows`.

part: "comparison", "length" or "memory". seconds, fastest: of one pass, the median and the least of the repetitions;
a repetition of a length is `passes` passes, and shorter ones have more. memory_mib: what autograd keeps between forward
and backward, parameters left out, and in the part "memory" the input too. reason: why there is no number.
"""


OFTEN = 4
"""Times that shorter sequences are timed in turns for each time of the longest, whose one pass may take half a minute:
a slow minute of the machine is to hit all of them."""


@dataclass(frozen=True)
class Measured:
    """What a speed study found.

    Attributes:
        rows: one row a (part, cell, engine, shape), with `COLUMNS`.
        environment: versions and machine, threads, and the machine's load when the study began.
        seconds: that the study took.
    """

    rows: pd.DataFrame
    environment: dict[str, str]
    seconds: float


def measure(plan: SpeedPlan, report: Callable[[str], None] = lambda _: None) -> Measured:
    """Time everything; `report` is called with a line before each comparison.

    Nothing else should run on the machine: the load when it began is in the environment.
    """
    began, load = time.perf_counter(), os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    frames = []
    with conditions(threads=plan.header.threads, flush_denormals=plan.header.flush_denormals):
        facts = environment() | {"threads": str(torch.get_num_threads()), "compiler": compiler()}
        comparisons = plan.comparisons()
        total = len(comparisons) + len(plan.lengths) + len(plan.memories)
        for number, comparison in enumerate(comparisons, 1):
            report(f"{number}/{total}: {comparison.cell}, {described(comparison.shape)}")
            frame = bench(
                {comparison.cell: CELLS[comparison.cell]},
                engines=comparison.engines,
                against=comparison.against,
                shapes=[comparison.shape],
                repetitions=plan.header.repetitions,
                at_most=plan.header.at_most,
                input_size=plan.header.input_size,
            )
            frames.append(frame.assign(part="comparison", passes=1))
        for number, length in enumerate(plan.lengths, len(comparisons) + 1):
            report(f"{number}/{total}: {length.cell}, T up to {max(length.steps):,}")
            frames.append(_lengths(length, plan))
        for number, memory in enumerate(plan.memories, len(comparisons) + len(plan.lengths) + 1):
            report(f"{number}/{total}: {memory.cell}, memory up to T = {max(memory.steps):,}")
            frames.append(_memories(memory, plan))
    rows = pd.concat(frames, ignore_index=True).reindex(columns=list(COLUMNS))
    if load is not None:
        facts["load before"] = f"{load:.2f}"
    return Measured(rows, facts, time.perf_counter() - began)


def _lengths(length: Length, plan: SpeedPlan) -> pd.DataFrame:
    """Time sequences of every length, in turns, each repeated until the total of steps is done."""
    known = {"part": "length", "cell": length.cell, "engine": length.engine, "batch": length.batch}
    known["hidden"] = length.hidden
    runs: dict[int, Callable[[], float]] = {}
    try:
        for steps in length.steps:
            cell = CELLS[length.cell](plan.header.input_size, length.hidden)
            x = torch.randn(steps, length.batch, plan.header.input_size)
            run = with_engine(cell, x, length.engine)
            run()
            runs[steps] = partial(_mean, run, length.passes(steps))
    except NativeEngineError as error:
        return pd.DataFrame([known | {"steps": steps, "reason": str(error)} for steps in length.steps])
    times = _in_turns(runs, plan.header.repetitions, plan.header.at_most)
    return pd.DataFrame(
        [
            known
            | {
                "steps": steps,
                "passes": length.passes(steps),
                "seconds": statistics.median(seconds),
                "fastest": min(seconds),
                "repetitions": len(seconds),
                "reason": "",
            }
            for steps, seconds in times.items()
        ]
    )


def _in_turns(runs: dict[int, Callable[[], float]], repetitions: int, at_most: float) -> dict[int, list[float]]:
    """Return the seconds of a pass, of every run and round; the shorter sequences are timed `OFTEN` times a round."""
    *shorter, longest = sorted(runs)
    times: dict[int, list[float]] = {steps: [] for steps in runs}
    until = time.perf_counter() + at_most
    for done in range(repetitions):
        if done >= FEWEST and time.perf_counter() > until:
            break
        found = interleaved({steps: runs[steps] for steps in shorter}, OFTEN) | interleaved({longest: runs[longest]}, 1)
        for steps, seconds in found.items():
            times[steps] += seconds
    return times


def _mean(run: Callable[[], None], passes: int) -> float:
    """Return the seconds of a pass."""
    began = time.perf_counter()
    for _ in range(passes):
        run()
    return (time.perf_counter() - began) / passes


def _memories(memory: Memory, plan: SpeedPlan) -> pd.DataFrame:
    """Weigh what is kept for the backward pass, beside the input, at every length."""
    rows = []
    for engine in memory.engines:
        for steps in memory.steps:
            known = {"part": "memory", "cell": memory.cell, "engine": engine, "steps": steps, "batch": memory.batch}
            known |= {"hidden": memory.hidden, "passes": 1, "reason": ""}
            try:
                mib = states_mib(memory.cell, engine, steps, memory.batch, memory.hidden, plan.header.input_size)
                rows.append(known | {"memory_mib": mib})
            except NativeEngineError as error:
                rows.append(known | {"reason": str(error)})
    return pd.DataFrame(rows)


def states_mib(name: str, engine: str, steps: int, batch: int, hidden: int, input_size: int = 1) -> float:
    """Return the MiB that a forward pass keeps for the backward pass beyond u and parameters, each storage once."""
    cell = CELLS[name](input_size, hidden)
    with torch.no_grad():
        u = cell.project(torch.randn(steps, batch, input_size))
    u.requires_grad_()
    given = u.untyped_storage().data_ptr()
    sizes: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() != given and not isinstance(tensor, nn.Parameter):
            sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        runner = resolve(engine)
        run = runner(cell, u, cell.initial_state(batch), weights_for(runner, cell, u), outputs=False, states=False)
        loss = cell.output(run.state).sum()
    del run, loss
    release(cell)
    return sum(sizes.values()) / 2**20
