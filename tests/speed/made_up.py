"""Times made up from formulas, shaped like real ones: the report is built and tested against them."""

import math

import pandas as pd

from rnnzoo.engine.bench import FLOOR
from rnnzoo.speed.measure import COLUMNS, Measured
from rnnzoo.speed.plan import SpeedPlan

PRODUCTS = {"rnn": 1, "lstm": 4, "gru": 3, "cornn": 2, "unicornn": 0, "urnn": 4, "exprnn": 1, "spectral": 1}
"""Recurrent matrices of a cell."""


def seconds(cell: str, name: str, steps: int, batch: int, hidden: int) -> float:
    """Return a time that grows as it should with every size."""
    floor = steps * batch * hidden * (6 * PRODUCTS[cell] * hidden / 6e10 + 4e-10)
    if name == FLOOR:
        return floor
    if name == "native":
        return 1.15 * floor + 1e-4 + steps * 3e-7
    if name == "reversible":
        return 1.3 * floor + 1e-4 + steps * 3e-7
    if name == "reference":
        return 1.5 * floor + steps * 3e-5 * (2 + PRODUCTS[cell])
    return 2.5 * floor + steps * 4e-5


def measured(plan: SpeedPlan, **changed: str) -> Measured:
    """Return times of everything that a plan asks for."""
    rows = []
    for comparison in plan.comparisons():
        steps, batch, hidden = comparison.shape
        for name in (*comparison.engines, *comparison.against):
            known = {"part": "comparison", "cell": comparison.cell, "engine": name, "steps": steps, "batch": batch}
            known |= {"hidden": hidden, "passes": 1, "reason": ""}
            if name.startswith("torchrecurrent") and changed.get("peers") == "missing":
                rows.append(known | {"reason": "torchrecurrent cannot be imported; pip install 'rnnzoo[peers]'"})
                continue
            time = seconds(comparison.cell, name, *comparison.shape)
            kept = 0.0 if name == FLOOR else steps * batch * hidden * (3 + PRODUCTS[comparison.cell]) * 4 / 2**20
            kept *= {"native": 0.8, "reference": 1.0}.get(name, 1.4)
            rows.append(known | {"seconds": time, "fastest": 0.97 * time, "memory_mib": kept, "repetitions": 7})
    for length in plan.lengths:
        for steps in length.steps:
            time = seconds(length.cell, length.engine, steps, length.batch, length.hidden)
            known = {"part": "length", "cell": length.cell, "engine": length.engine, "steps": steps, "reason": ""}
            known |= {"batch": length.batch, "hidden": length.hidden, "passes": length.passes(steps)}
            rows.append(known | {"seconds": time, "fastest": time, "repetitions": 3})
    for memory in plan.memories:
        for engine in memory.engines:
            for steps in memory.steps:
                known = {"part": "memory", "cell": memory.cell, "engine": engine, "steps": steps, "reason": ""}
                known |= {"batch": memory.batch, "hidden": memory.hidden, "passes": 1}
                grown = 2 if engine == "reversible" else steps * (5 if engine == "reference" else 3)
                rows.append(known | {"memory_mib": grown * memory.batch * memory.hidden * 4 / 2**20})
    frame = pd.DataFrame(rows).reindex(columns=list(COLUMNS))
    facts = {"python": "3.11.7", "torch": "2.13.0", "processor": "A made-up processor", "date": "2026-01-01"}
    return Measured(frame, facts | {"threads": "2", "load before": changed.get("load", "0.02")}, 211.0 + math.pi)
