"""The search: Optuna proposes the settings of each trial and learns from its validation score.

A proposal depends on the study's seed, the trial's slot (its place in the search, from 0) and the results before it,
and on nothing else: after a kill the same proposals come again. The storage keeps the trials; a trial that was under
way at a kill is closed there and its slot is asked for anew. Slots, and not calls, spend the budget of trials.
"""

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.samplers import RandomSampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from rnnzoo.configuration import RunConfig, digest
from rnnzoo.records import RunRecord
from rnnzoo.run_state import LOST_STATES
from rnnzoo.study import objectives
from rnnzoo.study.claims import CONDUCTOR, Claim, make_claim
from rnnzoo.study.journal import misfit
from rnnzoo.study.plan import Competitor, Plan
from rnnzoo.study.proposing import propose, prunes
from rnnzoo.study.pruning import make_pruner
from rnnzoo.study.samplers import make_sampler
from rnnzoo.study.storage import MOVE, StorageError, Store

SLOT = "slot"
"""User attribute of a trial: its place in the search, from 0."""

RUNS = "runs"
"""User attribute of a trial: the hashes of its runs so far."""

FAILED = "failed"
"""User attribute of a trial that ended without a result: why. Without it, a failed trial's slot is asked for anew."""

PRUNED = "pruned"
"""User attribute of a trial that was stopped before its last run."""

KEY_OF_SEARCH = {"seeds", "objectives", "pruner", "smallest_steps", "reduction"}


class Held(Enum):
    """What `CellSearch.next` returns while another conductor is at work on the search."""

    HELD = "held"


HELD = Held.HELD


@dataclass
class Attempt:
    """A trial under way.

    Attributes:
        slot: its place in the search.
        number: Optuna's number of it.
        trial_id: the storage's.
        runs: configurations of its runs, in order; a pruner may leave the last ones out.
        records: of the runs that are done.
    """

    slot: int
    number: int
    trial_id: int
    runs: tuple[RunConfig, ...]
    records: list[RunRecord] = field(default_factory=list)


@dataclass(frozen=True)
class Tried:
    """A trial that ended.

    Attributes:
        slot: its place in the search.
        runs: configurations of the runs that were done.
        state: "complete", "pruned" or "failed".
        values: of the objectives; empty if it failed.
    """

    slot: int
    runs: tuple[RunConfig, ...]
    state: str
    values: tuple[float, ...]


class CellSearch:
    """The search for one cell on one task.

    Args:
        plan: the study.
        competitor: the cell on the task; it must have something to search.
        store: where the trials are kept.
    """

    def __init__(self, plan: Plan, competitor: Competitor, store: Store) -> None:
        self.search = plan.search
        self.competitor = competitor
        self.metric = competitor.task.metric
        self.store = store
        self.directions = [objectives.direction(name, self.metric) for name in self.search.objectives]
        self.study = store.patiently(self._study)
        self.study_id = store.patiently(lambda: store.storage.get_study_id_from_name(self.study.study_name))
        self.claim: Claim = make_claim(store, self.study)

    def _study(self) -> optuna.Study:
        """Return Optuna's study of this search, made if it is new.

        It is looked up first: a journal grows by a line with every attempt to make one that is there already, and a
        report should leave the records as they are.
        """
        name = f"{self.competitor.label}/{self.competitor.cell}/{self.key()}"
        sampler = RandomSampler(
            seed=0
        )  # never asked: proposals are made beside the storage, see `rnnzoo.study.proposing`
        with suppress(KeyError):
            return optuna.load_study(study_name=name, storage=self.store.storage, sampler=sampler)
        return optuna.create_study(
            study_name=name,
            storage=self.store.storage,
            sampler=sampler,
            directions=self.directions,
            load_if_exists=True,  # another conductor may make it meanwhile
        )

    def key(self) -> str:
        """Return the hash of all that the proposals depend on, so that a changed file starts a search of its own."""
        base = dict(self.competitor.base) | {"seed": None, "test": None, "diagnostics": None}
        base["training"] = self.competitor.search_training()
        base.pop("limit_seconds")
        base.pop("diagnostics_length", None)
        space = {k: repr(v) for k, v in self.competitor.space().items()}
        key = {"base": base, "space": space, "sampler": self.competitor.sampler, "seed": self.search.seed}
        key |= self.search.model_dump(mode="json", include=KEY_OF_SEARCH, exclude_defaults=True)
        if self.competitor.sampler == "nsga2":  # its population is a share of the trials
            key["trials"] = self.search.trials
        return digest(key)

    def ended(self) -> list[FrozenTrial]:
        """Return the trials that count, by slot."""
        found: dict[int, FrozenTrial] = {}
        for trial in self.store.patiently(lambda: self.study.get_trials(deepcopy=False)):
            kept = trial.state != TrialState.FAIL or FAILED in trial.user_attrs
            if trial.state.is_finished() and kept and SLOT in trial.user_attrs:
                slot = trial.user_attrs[SLOT]
                if wrong := misfit(trial, self.competitor.space(), slot, len(self.directions)):
                    raise StorageError(f"{self.store.address}: trial {trial.number} is damaged: {wrong}; {MOVE}")
                found.setdefault(slot, trial)
        return [found[slot] for slot in sorted(found)]

    def next(self) -> Attempt | Held | None:
        """Return the next trial, HELD while another conductor is at work on one, or None when the budget is spent."""
        if not self.store.patiently(self.claim.take):
            return HELD
        ended = self.ended()
        slot = len(ended)
        if slot >= self.search.trials:
            return None
        space = self.competitor.space()
        seed = int(digest([self.search.seed, self.competitor.label, self.competitor.cell, slot]), 16) % 2**32
        sampler = make_sampler(self.competitor.sampler, seed, self.search.trials)
        proposal = propose(sampler, self.directions, ended, space)
        template = create_trial(
            state=TrialState.RUNNING,
            params=dict(proposal.params),
            distributions=space,
            user_attrs={SLOT: slot, CONDUCTOR: self.claim.name},
            system_attrs=dict(proposal.system_attrs),
        )
        storage = self.store.storage
        trial_id = self.store.patiently(lambda: storage.create_new_trial(self.study_id, template))
        number = self.store.patiently(lambda: storage.get_trial_number_from_id(trial_id))
        if not self.store.patiently(lambda: self.claim.begin(trial_id, number)):
            return HELD
        if len(self.ended()) != slot:  # another conductor took this very slot and has ended it meanwhile
            self.close(trial_id, number)
            return HELD
        runs = self.competitor.trial_configs(proposal.params, self.search)
        return Attempt(slot, number, trial_id, tuple(runs))

    def tell(self, attempt: Attempt, record: RunRecord) -> RunConfig | None:
        """Take in the result of a trial's run.

        Returns:
            the trial's next run, or None when the trial has ended. A trial that another conductor closed, because this
            one gave no signs of life for long, ends without a result: its runs are kept, and are read when its slot
            is asked for anew.
        """
        attempt.records.append(record)
        try:
            return self.store.patiently(lambda: self._tell(attempt))
        except UpdateFinishedTrialError:
            self.claim.end(attempt.trial_id)
            return None

    def _tell(self, attempt: Attempt) -> RunConfig | None:
        storage, record, done = self.store.storage, attempt.records[-1], len(attempt.records)
        storage.set_trial_user_attr(attempt.trial_id, RUNS, [r.config.run_id() for r in attempt.records])
        if record.state in LOST_STATES:  # divergence, no memory and no time count as the worst score there is
            self._end(attempt, TrialState.COMPLETE, [objectives.worst(o, self.metric) for o in self.search.objectives])
            return None
        if record.state != "finished" or record.valid is None:
            storage.set_trial_user_attr(attempt.trial_id, FAILED, record.reason or record.state)
            self._end(attempt, TrialState.FAIL)
            return None
        if len(attempt.runs) > 1:
            # a later rung replaces a shorter one, a further seed stands beside the others
            step = record.config.training.steps if self.search.by_rungs else done
            storage.set_trial_intermediate_value(attempt.trial_id, step, record.valid)
        pruned = done < len(attempt.runs) and self.pruned(attempt)
        if done < len(attempt.runs) and not pruned:
            return attempt.runs[done]
        if pruned:
            storage.set_trial_user_attr(attempt.trial_id, PRUNED, True)
        # for the sampler a pruned trial of some seeds is as good as their mean, while a short rung is no full trial
        short = pruned and self.search.by_rungs
        self._end(attempt, TrialState.PRUNED if short else TrialState.COMPLETE, self.values(attempt))
        return None

    def _end(self, attempt: Attempt, state: TrialState, values: list[float] | None = None) -> None:
        self.store.storage.set_trial_state_values(attempt.trial_id, state, values)
        self.claim.end(attempt.trial_id)

    def values(self, attempt: Attempt) -> list[float]:
        """Return the objectives of a trial: of its last rung, or over its seeds."""
        records = attempt.records[-1:] if self.search.by_rungs else attempt.records
        return [objectives.value(name, records, self.store.root) for name in self.search.objectives]

    def pruned(self, attempt: Attempt) -> bool:
        """Whether the pruner stops a trial after the runs that are done."""
        pruner = make_pruner(self.search, self.competitor.search_steps)
        if pruner is None:
            return False
        trial = self.store.storage.get_trial(attempt.trial_id)
        name, before = self.study.study_name, self.ended()
        decision, noted = prunes(
            pruner, name, self.directions[0], before, trial.intermediate_values, trial.system_attrs
        )
        for key, value in noted.items():
            self.store.storage.set_trial_system_attr(attempt.trial_id, key, value)
        return decision

    def close(self, trial_id: int, number: int) -> None:
        """End a trial without a result; its slot is asked for anew."""
        self.store.patiently(lambda: self.study.tell(number, state=TrialState.FAIL, skip_if_finished=True))
        self.claim.end(trial_id)

    def release(self) -> None:
        """Let other conductors go on with the search."""
        self.store.patiently(self.claim.release)

    def best_values(self) -> Mapping[str, Any] | None:
        """Return the settings of the trial with the best score, the earliest among equals, or None if none finished.

        With several objectives that is the trial at the end of the Pareto front where the score is best.
        """
        index = self.search.objectives.index("score")
        sign = 1 if self.metric.direction == "minimize" else -1
        carried_through = [t for t in self.ended() if t.state == TrialState.COMPLETE and PRUNED not in t.user_attrs]
        scores = [(sign * trial.values[index], trial) for trial in carried_through]
        finite = [(score, trial) for score, trial in scores if math.isfinite(score)]
        return min(finite, key=lambda entry: entry[0])[1].params if finite else None

    def trials(self) -> list[Tried]:
        """Return every trial that ended, by slot."""
        found = []
        for trial in self.ended():
            runs = self.competitor.trial_configs(trial.params, self.search)[: len(trial.user_attrs.get(RUNS, [None]))]
            state = "failed" if trial.state == TrialState.FAIL else "complete"
            if PRUNED in trial.user_attrs:
                state = "pruned"
            values = tuple(trial.values or ())
            found.append(Tried(int(trial.user_attrs[SLOT]), tuple(runs), state, values))
        return found
