"""What a training step costs: seconds, and the memory that is kept for the backward pass.

Speed is only worth reporting when nothing else runs on the machine: the study measures it in a phase of its own,
one model at a time.
"""

import statistics
import time
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from rnnzoo.configuration import RunConfig
from rnnzoo.learning.base import WATCHERS
from rnnzoo.model import SequenceModel
from rnnzoo.tasks.base import Task
from rnnzoo.training import Training, make_training

WARM_UP = 2
MIN_STEPS = 5
MAX_STEPS = 50
SECONDS = 1.5
"""Steps are timed until this time is spent, at least `MIN_STEPS` and at most `MAX_STEPS` of them."""


@dataclass(frozen=True)
class StepCost:
    """Cost of one training step.

    Attributes:
        seconds_per_step: median over the timed steps.
        timed_steps: how many were timed.
        memory_mib: tensors that are kept between forward and backward, parameters left out, in MiB.
    """

    seconds_per_step: float
    timed_steps: int
    memory_mib: float

    def as_dict(self) -> dict[str, float]:
        """Return the fields by name."""
        return asdict(self)


def step_cost(model: SequenceModel, task: Task, config: RunConfig) -> StepCost:
    """Time training steps of a model and weigh what one of them keeps in memory; the model is trained on the way."""
    endless = config.training.model_copy(update={"evaluate_every": 10**9})
    training = make_training(config.model_copy(update={"training": endless, "diagnostics": ()}), model, task)
    memory = saved_bytes(training) / 2**20
    times: list[float] = []
    for _ in range(WARM_UP + MAX_STEPS):
        began = time.perf_counter()
        training.train_step()
        if training.like.is_cuda:
            torch.cuda.synchronize(training.like.device)
        times.append(time.perf_counter() - began)
        if len(times) >= WARM_UP + MIN_STEPS and sum(times[WARM_UP:]) > SECONDS:
            break
    timed = times[WARM_UP:]
    return StepCost(statistics.median(timed), len(timed), memory)


def saved_bytes(training: Training) -> int:
    """Return the bytes that one training step keeps for its backward pass, each storage counted once."""
    parameters = {p.untyped_storage().data_ptr() for p in training.model.parameters()}
    saved: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in parameters:
            saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    WATCHERS.append(keep)
    try:
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            training.train_step()
    finally:
        WATCHERS.remove(keep)
    return sum(saved.values())
