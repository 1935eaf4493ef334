"""Small models in float64, and the gradients that a learning rule gives them."""

import torch
from torch import Tensor

from rnnzoo.learning.base import LearningRule
from rnnzoo.learning.options import FeedbackOptions
from rnnzoo.model import SequenceModel, build_model
from rnnzoo.tasks import TASKS, Batch, Task

TASK_OPTIONS = {
    "adding": {"length": 7, "held_out_size": 20},
    "copy": {"length": 3, "held_out_size": 20},
    "padded_digits": {"length": 8},
}


def small(cell: str = "gru", task_name: str = "padded_digits", **options) -> tuple[SequenceModel, Task]:
    """Return a model of 5 units, in float64 on the reference engine, and its task."""
    torch.manual_seed(0)
    task = TASKS[task_name](**TASK_OPTIONS[task_name])
    settings = {"engine": "reference", "dtype": torch.float64} | options
    sizes = {"input_size": task.input_size, "output_size": task.output_size, "readout": task.readout}
    return build_model(cell, 5, **sizes, **settings), task


def batch_of(task: Task, size: int = 6) -> Batch:
    """Return a training batch in float64."""
    batch = task.train_batch(0, 0, size)
    return Batch(batch.x.double(), batch.target.double() if batch.target.is_floating_point() else batch.target)


def feedback_options(**options) -> FeedbackOptions:
    """Return the options of direct feedback alignment."""
    return FeedbackOptions.model_validate({"rule": "dfa"} | options)


def taught(rule: LearningRule, batch: Batch, step: int = 0) -> dict[str, Tensor]:
    """Return what a rule puts into every parameter's `grad`; parameters that it leaves alone are left out."""
    rule.model.zero_grad(set_to_none=True)
    rule.backward(batch, step)
    return {name: p.grad.clone() for name, p in rule.model.named_parameters() if p.grad is not None}


def assert_same(actual: dict[str, Tensor], expected: dict[str, Tensor], tolerance) -> None:
    """Assert that two rules gave the same gradients, none and zero being alike, and that these are not near zero."""
    for name in actual.keys() | expected.keys():
        pair = actual.get(name), expected.get(name)
        like = next(gradient for gradient in pair if gradient is not None)
        tolerance.assert_close(*(torch.zeros_like(like) if gradient is None else gradient for gradient in pair), name)
    assert max(float(gradient.abs().max()) for gradient in expected.values()) > 1e-4
