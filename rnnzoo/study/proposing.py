"""The two decisions of a search, what to try next and whether to stop, as pure functions of the trials that ended.

Each is taken on a copy of the study in memory, in which a trial's number is its slot. So it depends neither on the
storage nor on trials that a kill or another conductor left behind, and comes out the same whenever it is asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from rnnzoo.study.objectives import Direction
from rnnzoo.study.quiet import quiet_optuna


@dataclass(frozen=True)
class Proposal:
    """Settings to try.

    Attributes:
        params: value of every searched setting, under its dotted name.
        system_attrs: what the sampler wants to know of the trial later, e.g. its generation.
    """

    params: Mapping[str, Any]
    system_attrs: Mapping[str, Any] = field(default_factory=dict)


def propose(
    sampler: BaseSampler,
    directions: Sequence[Direction],
    ended: Sequence[FrozenTrial],
    space: Mapping[str, BaseDistribution],
) -> Proposal:
    """Return the settings of the next trial.

    Args:
        sampler: seeded for this trial alone.
        directions: "minimize" or "maximize" for each objective.
        ended: the trials before it, by slot.
        space: what is searched.
    """
    with quiet_optuna():
        study = _copy(directions, ended, sampler, NopPruner())
        trial = study.ask(fixed_distributions=dict(space))
        frozen = study.get_trials(deepcopy=False)[trial.number]
        return Proposal(dict(trial.params), dict(frozen.system_attrs))


def prunes(
    pruner: BasePruner,
    name: str,
    direction: Direction,
    ended: Sequence[FrozenTrial],
    values: Mapping[int, float],
    system_attrs: Mapping[str, Any],
) -> tuple[bool, Mapping[str, Any]]:
    """Return whether a trial stops after what it has reported, and what the pruner wants to know of it later.

    Args:
        pruner: a new one.
        name: of the search; Hyperband deals its brackets by it.
        direction: of the one objective.
        ended: the trials before it, by slot.
        values: what the trial reported, by step.
        system_attrs: of the trial so far.
    """
    with quiet_optuna():
        study = _copy([direction], ended, RandomSampler(seed=0), pruner, name)
        study.add_trial(
            create_trial(state=TrialState.RUNNING, intermediate_values=dict(values), system_attrs=dict(system_attrs))
        )
        trial = study.get_trials(deepcopy=False)[-1]
        decision = pruner.prune(study, trial)
        return decision, dict(study.get_trials(deepcopy=False)[-1].system_attrs)


def _copy(
    directions: Sequence[Direction],
    ended: Sequence[FrozenTrial],
    sampler: BaseSampler,
    pruner: BasePruner,
    name: str | None = None,
) -> optuna.Study:
    study = optuna.create_study(directions=list(directions), sampler=sampler, pruner=pruner, study_name=name)
    study.add_trials(ended)
    return study
