"""The cost of a step: memory is counted exactly, time is a positive number."""

import torch
from torch import nn

from rnnzoo.configuration import RunConfig
from rnnzoo.diagnostics.speed import MAX_STEPS, MIN_STEPS, saved_bytes, step_cost
from rnnzoo.learning.options import FeedbackOptions
from rnnzoo.study.run import make_model, make_task
from rnnzoo.training import make_training


def config(length):
    return RunConfig.model_validate(
        {
            "task": "adding",
            "task_options": {"length": length},
            "cell": "rnn",
            "cell_options": {},
            "hidden_size": 32,
            "training": {"steps": 10, "batch_size": 16, "lr": 1e-3},
            "seed": 1,
        }
    )


def cost(length):
    task = make_task(config(length))
    return step_cost(make_model(config(length), task), task, config(length))


def test_memory_grows_with_the_length_of_the_sequence():
    short, long = cost(20), cost(80)
    assert 3 < long.memory_mib / short.memory_mib < 5
    # the states alone, which no reference loop can do without
    assert long.memory_mib > 80 * 16 * 32 * 4 / 2**20
    assert MIN_STEPS <= short.timed_steps <= MAX_STEPS
    assert short.seconds_per_step > 0


def test_a_storage_that_is_saved_twice_counts_once():
    class Step:
        def __init__(self):
            self.model = nn.Linear(1, 1)

        def train_step(self):
            a = torch.ones(256, requires_grad=True)
            b = a * 2
            (b * b).sum().backward()

    assert saved_bytes(Step()) == 256 * 4


def test_what_is_kept_is_counted_under_every_learning_rule():
    def kept(**learning):
        chosen = config(20).model_copy(update={"learning": FeedbackOptions(rule="dfa", block=5, **learning)})
        task = make_task(chosen)
        return saved_bytes(make_training(chosen, make_model(chosen, task), task))

    states = 20 * 16 * 32 * 4
    assert kept() > states
    assert kept(inside="alignment") > states
