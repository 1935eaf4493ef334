"""What it costs to carry errors back: multiply-adds for one sequence, counted from the weights that errors pass."""

import pandas as pd
import torch
from torch import Tensor

from rnnzoo.learning.base import LearningRule
from rnnzoo.learning.blocks import borders
from rnnzoo.learning.dfa import DFA
from rnnzoo.learning.feedback import block_length, named_cells, taught_cells
from rnnzoo.learning.readout import ReadoutOnly
from rnnzoo.learning.tbptt import TBPTT
from rnnzoo.model import SequenceModel


def transport(rule: LearningRule, length: int) -> pd.DataFrame:
    """Return the multiply-adds that carry the errors of one sequence back, by the way that they take.

    Counted are products of an error with a weight: transposed recurrent, input and readout matrices, kernels, and
    feedback, whose zeros cost nothing. Elementwise terms and the products that make the gradients of the weights, which
    every rule needs, are not. For a hybrid of phases it is a step in the phase of feedback.

    Args:
        rule: with its model.
        length: steps T of the input.

    Returns:
        one row a way: "readout", "time", "depth", "encoder", "feedback"; columns way, multiply_adds (of this rule) and
        backpropagation (of the true gradient).
    """
    model = rule.model
    steps = length if model.encoder is None else model.encoder.steps(length)
    true = _backpropagation(model, steps, length, steps)
    match rule:
        case DFA():
            own = _feedback(rule, steps, length)
        case TBPTT():
            own = _backpropagation(model, steps, length, rule.window)
        case ReadoutOnly():
            own = dict.fromkeys(true, 0)
        case _:
            own = true
    return pd.DataFrame({"way": way, "multiply_adds": own[way], "backpropagation": true[way]} for way in true)


def _backpropagation(model: SequenceModel, steps: int, length: int, window: int) -> dict[str, int]:
    """Return the counts for errors that travel no further than `window` steps."""
    cuts = borders(steps, window)
    if model.readout == "last":
        cuts = cuts[-1:]
    reached = sum(end - begin for begin, end in cuts)
    return {
        "readout": model.linear.weight.numel() * (1 if model.readout == "last" else steps),
        "time": sum(_recurrent(w) for w in _weights(model).values()) * (reached - len(cuts)),
        "depth": _between_layers(model) * reached,
        "encoder": 0
        if model.encoder is None
        else _to_encoder(model) * reached + model.encoder.backward_products(length),
        "feedback": 0,
    }


def _feedback(rule: DFA, steps: int, length: int) -> dict[str, int]:
    """Return the counts for errors that come through fixed feedback."""
    model, options, encoder = rule.model, rule.options, rule.model.encoder
    cuts = borders(steps, block_length(options, steps))
    inside = sum(end - begin - 1 for begin, end in cuts)
    together, live = options.depth == "stack", options.answers == "backpropagation"
    fed = 0
    top = {name for name, _ in named_cells(model)[-model.recurrent.directions :]}
    for name, _ in taught_cells(model, options):
        matrices = rule.feedback[name]
        for k, (begin, end) in enumerate(cuts):
            products = int(matrices[0 if len(matrices) == 1 else len(cuts) - 1 - k].count_nonzero())
            last, own = k == len(cuts) - 1, not (live and name in top)
            if model.readout == "last":
                fed += products * (own if last else options.later)
            else:
                fed += products * (own * (end - begin) + (options.later and not last))
    travelled = 0
    for name, weights in _weights(model).items():
        stand_ins = [b for part in weights if (b := rule.feedback.get(f"{name}.{part}")) is not None]
        travelled += inside * (sum(int(b.count_nonzero()) for b in stand_ins) if stand_ins else _recurrent(weights))
    convolved = 0
    if encoder is not None:
        convolved = _to_encoder(model) * steps if together else 0
        if options.inside == "backpropagation":
            convolved += encoder.backward_products(length)
        else:
            positions = encoder.steps(length) * (encoder.output_size // encoder.channels[-1])
            kernels = [b for name, b in rule.feedback.items() if name.startswith("encoder.")]
            convolved += sum(int(b.count_nonzero()) for b in kernels) * positions
        if not together:
            matrices = rule.feedback["encoder"]
            fed += int(matrices.count_nonzero()) * (steps if len(matrices) == 1 else 1)
    return {
        "readout": model.linear.weight.numel() * (1 if model.readout == "last" else steps) * live,
        "time": travelled,
        "depth": _between_layers(model) * steps * together,
        "encoder": convolved,
        "feedback": fed,
    }


def _weights(model: SequenceModel) -> dict[str, dict[str, Tensor]]:
    with torch.no_grad():
        return {name: cell.recurrent_weights() for name, cell in named_cells(model)}


def _recurrent(weights: dict[str, Tensor]) -> int:
    return sum(w.numel() for w in weights.values() if w.dim() == 2)


def _projections(model: SequenceModel) -> list[int]:
    """Return the products of a step's input with the input weights of each cell."""
    found = []
    with torch.no_grad():
        for _, cell in named_cells(model):
            like = next(cell.parameters())
            found.append(cell.input_size * cell.project(like.new_zeros(1, 1, cell.input_size)).shape[-1])
    return found


def _between_layers(model: SequenceModel) -> int:
    return sum(_projections(model)[model.recurrent.directions :])


def _to_encoder(model: SequenceModel) -> int:
    return sum(_projections(model)[: model.recurrent.directions])
