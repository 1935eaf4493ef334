"""A small run for the tests of single runs."""

from rnnzoo.configuration import RunConfig


def config(**changes):
    return RunConfig.model_validate(
        {
            "task": "adding",
            "task_options": {"length": 6, "held_out_size": 30},
            "cell": "cornn",
            "cell_options": {"dt": 0.1, "gamma": 2.0, "epsilon": 3.0},
            "hidden_size": 5,
            "training": {"steps": 12, "batch_size": 4, "lr": 0.01, "evaluate_every": 4},
            "seed": 3,
            "test": True,
            "diagnostics": ["gradients"],
        }
        | changes
    )


def numbers(record):
    return record.model_dump(exclude={"seconds", "environment"})
