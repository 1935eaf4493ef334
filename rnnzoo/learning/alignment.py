"""How near a rule's gradient comes to the true one: the angle between the two, parameter by parameter."""

import math

import torch
from torch import Tensor

from rnnzoo.learning.base import LearningRule
from rnnzoo.learning.bptt import BPTT
from rnnzoo.learning.together import ALL, BEFORE
from rnnzoo.tasks.base import Batch

SEQUENCES = 64
"""Sequences over which the two gradients are taken."""

Row = dict[str, float | str]


def alignment(rule: LearningRule, batch: Batch, step: int) -> list[Row]:
    """Return the angle between a rule's gradient g and the true one ∂L/∂θ on a batch; nothing is changed.

    Args:
        rule: with the model as it is now; dropout is left out, so that both see the same network.
        batch: on the model's device.
        step: optimiser steps done.

    Returns:
        one row a parameter that the rule gives a gradient, and a row each for `BEFORE` and `ALL`: step, parameter,
        cosine in [−1, 1], degrees in [0, 180] (90 for a random direction), ratio ‖g‖ / ‖∂L/∂θ‖; NaN where a gradient
        is zero or not finite.
    """
    taught, true = gradients(rule, batch, step), gradients(BPTT(rule.model, rule.task), batch, step)
    known = {name: (g, true[name]) for name, g in taught.items() if name in true}
    rows = [compared(step, name, g, t) for name, (g, t) in known.items()]
    for what, left_out in ((BEFORE, "linear."), (ALL, None)):
        chosen = [pair for name, pair in known.items() if left_out is None or not name.startswith(left_out)]
        if chosen:
            rows.append(compared(step, what, torch.cat([g for g, _ in chosen]), torch.cat([t for _, t in chosen])))
    return rows


def gradients(rule: LearningRule, batch: Batch, step: int) -> dict[str, Tensor]:
    """Return a rule's gradients by parameter, flat and in double precision; the model's own are left as they were."""
    parameters = dict(rule.model.named_parameters())
    kept, training = {name: p.grad for name, p in parameters.items()}, rule.model.training
    for p in parameters.values():
        p.grad = None
    rule.model.eval()
    try:
        rule.backward(batch, step)
        return {name: p.grad.flatten().double() for name, p in parameters.items() if p.grad is not None}
    finally:
        rule.model.train(training)
        for name, p in parameters.items():
            p.grad = kept[name]


def compared(step: int, name: str, taught: Tensor, true: Tensor) -> Row:
    """Return the row of two gradients."""
    sizes = size(taught), size(true)
    cosine = ratio = math.nan
    if all(math.isfinite(norm) and norm > 0 for norm in sizes):
        # normalised first: the product of two tiny norms would underflow
        cosine = float(torch.dot(taught / sizes[0], true / sizes[1]).clamp(-1, 1))
        ratio = sizes[0] / sizes[1]
    degrees = math.degrees(math.acos(cosine)) if not math.isnan(cosine) else math.nan
    return {"step": float(step), "parameter": name, "cosine": cosine, "degrees": degrees, "ratio": ratio}


def size(vector: Tensor) -> float:
    """Return a norm whose squares do not underflow."""
    largest = vector.abs().max()
    return float(largest * (vector / largest).norm()) if float(largest) > 0 else 0.0
