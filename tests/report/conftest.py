"""Studies made up from formulas, shaped like real ones: the report is built and tested against them."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from rnnzoo.report.content import StudyContent, TaskContent

CELLS = ["rnn", "lstm", "gru", "cornn", "unicornn", "urnn", "exprnn", "spectral"]
SKILL = {
    "rnn": 0.02,
    "lstm": 0.6,
    "gru": 0.75,
    "cornn": 0.97,
    "unicornn": 0.9,
    "urnn": 0.5,
    "exprnn": 0.85,
    "spectral": 0.4,
}
DECAY = {"rnn": 0.75, "lstm": 0.96, "gru": 0.97, "cornn": 0.999, "unicornn": 0.9985, "urnn": 1.0, "exprnn": 0.9999}


def tasks() -> list[TaskContent]:
    adding = TaskContent(
        "adding",
        "adding",
        "Adding, T = 100",
        "mean squared error",
        "minimize",
        0.0,
        True,
        0.1667,
        {"length": "100", "training data": "fresh sequences in every batch", "validation": "1,000", "test": "1,000"},
    )
    copy = TaskContent(
        "copy",
        "copy",
        "Copy, T = 60",
        "cross-entropy",
        "minimize",
        0.0,
        True,
        10 * math.log(8) / 80,
        {"lag": "60", "symbols": "8", "to remember": "10"},
    )
    digits = TaskContent(
        "digits",
        "padded_digits",
        "Padded digits, T = 100",
        "accuracy",
        "maximize",
        1.0,
        False,
        0.1,
        {"length": "100", "source": "scikit-learn's 8 by 8 digits", "permutation": "none"},
    )
    return [adding, copy, digits]


def make(
    cells: list[str] | None = None, task_count: int = 3, seeds: int = 3, trial_count: int = 12, search: bool = True
) -> StudyContent:
    """Make a study whose numbers are all known functions of a fixed generator."""
    rng = np.random.default_rng(7)
    cells, chosen = cells or CELLS, tasks()[:task_count]
    rows, curves, gradients, budget = [], [], [], []
    for number, task in enumerate(chosen):
        for cell in cells:
            skill = SKILL.get(cell, 0.5) * (1, 0.9, 0.85)[number] if cell != "rnn" or number < 2 else 0.5
            size, parameters = 40 + 12 * cells.index(cell), 20_000 + 37 * cells.index(cell)
            speed = 0.004 * (1 + cells.index(cell) % 4) * (1, 0.7, 1.2)[number]

            def scored(skill: float, task: TaskContent = task) -> float:
                noise = rng.normal(0, 0.04)
                if task.log:
                    return float(task.baseline * 10 ** (-3 * max(0.0, skill + noise)) * (1 + 0.02 * rng.normal()))
                return float(np.clip(task.baseline + (1 - task.baseline) * (skill + noise), 0, 1))

            common = {
                "study": "made-up",
                "task": task.label,
                "cell": cell,
                "hidden_size": size,
                "num_layers": 1,
                "parameters": parameters,
                "metric": task.metric,
                "direction": task.direction,
                "baseline": task.baseline,
                "engine": "native",
                "reason": "",
                "stopped_at": math.nan,
                "seconds_per_step": math.nan,
                "memory_mib": math.nan,
            }

            def settings(cell: str = cell) -> dict[str, object]:
                found: dict[str, object] = {"training.lr": 10 ** rng.uniform(-4, -1.5)}
                if cell in ("cornn", "unicornn"):
                    found["cell.dt"] = 10 ** rng.uniform(-2, -0.7)
                    found["cell.gamma" if cell == "cornn" else "cell.alpha"] = 10 ** rng.uniform(-1, 2)
                if cell == "cornn":
                    found["cell.epsilon"] = rng.uniform(1, 20)
                if cell in ("exprnn", "urnn", "spectral"):
                    found["training.constrained_lr_scale"] = 10 ** rng.uniform(-2, 0)
                if cell == "exprnn":
                    found["cell.initialisation"] = ["cayley", "henaff"][int(rng.integers(2))]
                if cell in ("rnn", "lstm", "gru"):
                    found["training.clip_norm"] = 10 ** rng.uniform(-1, 1)
                return found

            for trial in range(trial_count if search else 0):
                chosen_settings = settings()
                lost = cell in ("rnn", "cornn", "spectral") and float(chosen_settings["training.lr"]) > 0.015  # type: ignore[arg-type]
                rows.append(
                    common
                    | chosen_settings
                    | {
                        "phase": "search",
                        "seed": 0,
                        "trial": trial,
                        "state": "diverged" if lost else "finished",
                        "reason": "loss is NaN" if lost else "",
                        "stopped_at": 120 if lost else math.nan,
                        "valid": math.nan if lost else scored(skill * rng.uniform(0.2, 0.95)),
                        "test": math.nan,
                        "best_step": 400,
                        "steps": 120 if lost else 500,
                        "seconds": 4.0,
                        "run": f"s{number}{cell}{trial}",
                    }
                )
            fixed = settings()
            for seed in range(1, seeds + 1):
                lost = cell == "spectral" and number == 0 and seed == 2
                run, end = f"c{number}{cell}{seed}", scored(skill)
                rows.append(
                    common
                    | fixed
                    | {
                        "phase": "confirm",
                        "seed": seed,
                        "trial": math.nan,
                        "state": "diverged" if lost else "finished",
                        "reason": "gradient norm is inf" if lost else "",
                        "stopped_at": 700 if lost else math.nan,
                        "valid": math.nan if lost else end,
                        "test": math.nan if lost else scored(skill),
                        "best_step": 1900,
                        "steps": 700 if lost else 2000,
                        "seconds": 20.0,
                        "run": run,
                        "seconds_per_step": speed * (1 + 0.02 * seed),
                        "memory_mib": 2.5 * (1 + cells.index(cell)),
                    }
                )
                for step in range(0, 701 if lost else 2001, 100):
                    share = 1 / (1 + math.exp(-(step - 800) / 200)) if step else 0.0
                    value = (
                        task.baseline * (end / task.baseline) ** share
                        if task.log
                        else task.baseline + (end - task.baseline) * share
                    )
                    curves.append(
                        {
                            "run": run,
                            "phase": "confirm",
                            "task": task.label,
                            "cell": cell,
                            "seed": seed,
                            "trial": math.nan,
                            "step": step,
                            "seconds": step * speed * 1.3,
                            "train_loss": value,
                            "valid": value * (1 + 0.05 * rng.normal()),
                        }
                    )
            for moment in ("initial", "trained"):
                decay = DECAY.get(cell, 1.03 if moment == "initial" else 0.98) if cell != "spectral" else 1.03
                for seed in range(1, seeds + 1):
                    for t in range(1, 101):
                        level = 0.02 * decay ** (100 - t) * math.exp(0.2 * math.sin(t / 9 + seed))
                        level = level if level > 1e-12 else 0.0
                        gradients.append(
                            {
                                "task": task.label,
                                "cell": cell,
                                "seed": seed,
                                "moment": moment,
                                "t": t,
                                "median": level,
                                "low": 0.5 * level,
                                "high": 1.8 * level,
                            }
                        )
            budget.append(
                {
                    "task": task.label,
                    "cell": cell,
                    "hidden_size": size,
                    "num_layers": 1,
                    "parameters": parameters,
                    "residual": 100 * (parameters / 20_000 - 1),
                    "search_trials": trial_count if search else 0,
                    "search_steps": 500 if search else 0,
                    "confirm_seeds": seeds,
                    "confirm_steps": 2000,
                    "batch_size": 64,
                    "searched_settings": 2 if search else 0,
                    "sampler": "tpe" if search else "",
                    "trial_seeds": 1 if search else 0,
                    "pruner": "none" if search else "",
                    "objectives": "score" if search else "",
                    "search_seconds": math.nan,
                    "confirm_seconds": math.nan,
                }
            )
    published = pd.DataFrame(
        {
            "task": "digits",
            "name": "authors' coRNN",
            "source": "github.com/example, results log",
            "step": np.arange(0, 2001, 250),
            "valid": np.linspace(0.1, 0.93, 9),
        }
    )
    environment = {
        "python": "3.11.9",
        "torch": "2.13.0",
        "numpy": "2.4.6",
        "optuna": "5.0.0",
        "rnnzoo": "0.1.0 (2c87c0d)",
        "processor": "Example CPU at 2.1 GHz",
        "cores": "2",
        "memory": "2 GiB",
        "platform": "Linux",
        "date": "2026-11-22",
    }
    content = StudyContent(
        name="made-up",
        question="Which cell remembers over a hundred steps, and what does it cost?",
        command="rnnzoo run studies/quick.toml",
        training_seconds=742.0,
        environment=environment,
        seeds=list(range(1, seeds + 1)),
        cells=cells,
        tasks=chosen,
        rows=pd.DataFrame(rows),
        budget=pd.DataFrame(budget),
        curves=pd.DataFrame(curves),
        gradients=pd.DataFrame(gradients),
    )
    return replace(content, published=published) if task_count == 3 else content


@pytest.fixture(scope="session")
def make_study() -> Callable[..., StudyContent]:
    return make


@pytest.fixture(scope="session")
def study() -> StudyContent:
    """Eight cells on three tasks, three seeds, twelve trials."""
    return make()
