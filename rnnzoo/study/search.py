"""The search phase: Optuna proposes the settings of each trial and learns from its validation score.

A proposal depends on the study's seed, the trial's number and the scores before it, and on nothing else: after a kill
the same proposals come again. Optuna's journal file keeps the trials; a trial that was under way at a kill is closed
there and its place, counted in `SLOT`, is asked for anew.
"""

import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState

from rnnzoo.configuration import RunConfig, digest
from rnnzoo.records import LOST_STATES, RunRecord
from rnnzoo.study.plan import Competitor, Plan

SLOT = "slot"
"""User attribute of a trial: its number among those that ended, from 0."""

RUN = "run"
"""User attribute of a trial: the hash of its run."""

JOURNAL = "journal.log"
STARTUP_TRIALS = 5
"""Trials drawn at random before the sampler uses what it has seen; half of a short search at the most."""


def open_journal(root: Path) -> JournalStorage:
    """Open the journal file among the run folders; it is made if there is none."""
    root.mkdir(parents=True, exist_ok=True)
    return JournalStorage(JournalFileBackend(str(root / JOURNAL)))


class CellSearch:
    """The search for one cell on one task.

    Args:
        plan: the study.
        competitor: the cell on the task; it must have something to search.
        storage: the journal.
    """

    def __init__(self, plan: Plan, competitor: Competitor, storage: JournalStorage) -> None:
        self.search = plan.search
        self.competitor = competitor
        self.metric = competitor.task.metric
        # all that the proposals depend on is in the name, so that a changed study file starts a search of its own
        base = dict(competitor.base) | {"seed": None, "test": None, "diagnostics": None}
        base["training"] = competitor.search_training()
        base.pop("limit_seconds")
        space = {k: repr(v) for k, v in competitor.space().items()}
        key = digest({"base": base, "space": space, "sampler": self.search.sampler, "seed": self.search.seed})
        with quiet_optuna():
            self.study = optuna.create_study(
                storage=storage,
                study_name=f"{competitor.label}/{competitor.cell}/{key}",
                direction=self.metric.direction,
                load_if_exists=True,
            )
        self.close_interrupted()

    def close_interrupted(self) -> None:
        """Close trials that were under way when the study was killed."""
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING, TrialState.WAITING)):
            self.study.tell(trial.number, state=TrialState.FAIL)

    def ended(self) -> list[FrozenTrial]:
        """Return the trials that count, by slot."""
        trials = [t for t in self.study.get_trials(deepcopy=False) if t.state.is_finished() and SLOT in t.user_attrs]
        return sorted(trials, key=lambda trial: int(trial.user_attrs[SLOT]))

    def next(self) -> tuple[Trial, RunConfig] | None:
        """Return the next trial with its run's configuration, or None when the budget of trials is spent."""
        slot = len(self.ended())
        if slot >= self.search.trials:
            return None
        self.study.sampler = self.sampler(slot)
        with quiet_optuna():
            trial = self.study.ask(fixed_distributions=self.competitor.space())
        return trial, self.competitor.trial_config(trial.params, self.search.seed)

    def sampler(self, slot: int) -> BaseSampler:
        """Return a sampler whose draws depend on the study's seed and the slot alone."""
        seed = int(digest([self.search.seed, self.competitor.label, self.competitor.cell, slot]), 16) % 2**32
        if self.search.sampler == "random":
            return RandomSampler(seed=seed)
        startup = min(STARTUP_TRIALS, math.ceil(self.search.trials / 2))
        with quiet_optuna():
            return TPESampler(seed=seed, n_startup_trials=startup, multivariate=True)

    def tell(self, trial: Trial, record: RunRecord) -> None:
        """Hand a trial's result to the sampler: divergence, no memory or no time count as the worst score there is."""
        trial.set_user_attr(RUN, record.config.run_id())
        trial.set_user_attr(SLOT, len(self.ended()))
        if record.state == "finished" and record.valid is not None:
            self.study.tell(trial, record.valid)
        elif record.state in LOST_STATES:
            self.study.tell(trial, math.inf if self.metric.direction == "minimize" else -math.inf)
        else:
            self.study.tell(trial, state=TrialState.FAIL)

    def best_values(self) -> Mapping[str, Any] | None:
        """Return the settings of the best finished trial, the earliest among equals, or None if none finished."""
        finite = [t for t in self.ended() if t.value is not None and math.isfinite(t.value)]
        if not finite:
            return None
        sign = 1 if self.metric.direction == "minimize" else -1
        return min(finite, key=lambda trial: sign * (trial.value or 0.0)).params

    def trials(self) -> list[tuple[int, RunConfig]]:
        """Return slot and configuration of every trial that ended."""
        return [
            (int(t.user_attrs[SLOT]), self.competitor.trial_config(t.params, self.search.seed)) for t in self.ended()
        ]


class quiet_optuna:  # noqa: N801 - used as a function would be
    """Silence Optuna's log lines and its notes on options that we chose knowing them to be experimental."""

    def __enter__(self) -> None:
        self.verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.caught = warnings.catch_warnings()
        self.caught.__enter__()
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)

    def __exit__(self, *error: object) -> None:
        self.caught.__exit__(*error)  # type: ignore[arg-type]
        optuna.logging.set_verbosity(self.verbosity)
