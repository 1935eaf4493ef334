"""Several runs a trial, pruners that stop between them, and several objectives."""

import math

import pandas as pd
import pytest
import torch

from rnnzoo.records import RunRecord
from rnnzoo.study.conduct import conduct
from rnnzoo.study.objectives import WORST_HEALTH, health
from rnnzoo.study.progress import Quiet
from rnnzoo.study.pruning import rungs
from rnnzoo.study.reading import read_plan
from rnnzoo.study.results import collect
from rnnzoo.study.run import make_model, make_task
from rnnzoo.study.schema import Search
from rnnzoo.study.search import CellSearch
from rnnzoo.study.storage import open_journal
from tests.study.files import TINY, write_study
from tests.study.test_reading import mistakes

SEEDS = "seeds = [10, 11, 12, 13, 14, 15, 16, 17]"
WILCOXON = TINY.replace("trials = 3", f'trials = 9\npruner = "wilcoxon"\n{SEEDS}')
HYPERBAND = TINY.replace("trials = 3\nsteps = 6", 'trials = 12\nsteps = 60\npruner = "hyperband"\nsmallest_steps = 5')
HALVING = HYPERBAND.replace('"hyperband"', '"halving"')


def begin(folder, text, place="runs"):
    plan = read_plan(write_study(folder, text))
    return CellSearch(plan, plan.competitors[1], open_journal(folder / place))


def record(config, valid, state="finished"):
    return RunRecord(
        config=config, state=state, valid=valid, parameters=1, engine="", steps=1, seconds=0, environment={}
    )


def score(config):
    """Return a score that settings decide, and a little the seed and the length."""
    return abs(math.log(config.training.lr) + 5) + 0.01 * config.seed + 1 / config.training.steps


def run_out(search, interrupt_at=None):
    """Do all trials that are left; leave one under way after its first run at a slot, as a kill would."""
    done = []
    while (attempt := search.next()) is not None:
        config = attempt.runs[0]
        while config is not None:
            following = search.tell(attempt, record(config, score(config)))
            done.append((attempt.slot, config.run_id()))
            if attempt.slot == interrupt_at:
                return done
            config = following
    return done


@pytest.mark.parametrize("text", [WILCOXON, HYPERBAND, HALVING], ids=["wilcoxon", "hyperband", "halving"])
def test_a_pruner_spares_runs_and_an_interrupted_search_equals_an_undisturbed_one(tmp_path, text):
    whole = begin(tmp_path, text, "whole")
    done = run_out(whole)
    trials = whole.trials()
    states = [trial.state for trial in trials]
    assert set(states) == {"complete", "pruned"}
    assert len(done) == sum(len(trial.runs) for trial in trials)
    full = max(len(trial.runs) for trial in trials)
    for trial in trials:
        assert len(trial.runs) == full if trial.state == "complete" else 1 <= len(trial.runs) < full
    assert whole.best_values() in [whole.ended()[i].params for i, state in enumerate(states) if state == "complete"]
    run_out(begin(tmp_path, text, "cut"), interrupt_at=4)
    resumed = begin(tmp_path, text, "cut")
    run_out(resumed)
    assert resumed.trials() == trials
    assert resumed.best_values() == whole.best_values()


def test_a_trial_of_several_seeds_scores_their_mean(tmp_path):
    search = begin(tmp_path, TINY.replace("trials = 3", "trials = 1\nseeds = [10, 11, 12]"))
    attempt = search.next()
    assert [config.seed for config in attempt.runs] == [10, 11, 12]
    for config, valid in zip(attempt.runs, [0.1, 0.2, 0.6], strict=True):
        search.tell(attempt, record(config, valid))
    assert search.trials()[0].values == (pytest.approx(0.3),)


def test_a_trial_ends_with_the_first_run_that_diverges(tmp_path):
    search = begin(tmp_path, TINY.replace("trials = 3", "trials = 1\nseeds = [10, 11, 12]"))
    attempt = search.next()
    assert search.tell(attempt, record(attempt.runs[0], 0.1)) == attempt.runs[1]
    assert search.tell(attempt, record(attempt.runs[1], None, "diverged")) is None
    assert len(search.trials()[0].runs) == 2
    assert search.best_values() is None


def test_a_rung_is_a_run_with_fewer_steps():
    for pruner in ("hyperband", "halving"):
        search = Search(trials=5, steps=100, pruner=pruner, smallest_steps=5, reduction=4)
        assert rungs(search, 100) == [5, 20, 80, 100]
    assert rungs(Search(trials=5, steps=100), 100) == [100]


def test_halving_lets_the_best_part_of_each_length_go_on(tmp_path):
    """By hand: a trial goes on where its score is among the best third of those that had the same steps until then."""
    search = begin(tmp_path, HALVING)
    scores = {5: [0.6, 0.7, 0.5, 0.4, 0.9, 0.8, 0.1, 0.55, 0.45, 0.2, 0.3, 0.05], 15: [], 45: [], 60: []}
    seen, lengths = {5: [], 15: [], 45: []}, []
    while (attempt := search.next()) is not None:
        config, done = attempt.runs[0], []
        while config is not None:
            valid, steps = scores[5][attempt.slot], config.training.steps
            config, done = search.tell(attempt, record(config, valid)), [*done, steps]
            if steps in seen:
                seen[steps].append(valid)
                rank = sorted(seen[steps]).index(valid)
                assert (config is not None) == (rank < max(1, len(seen[steps]) // 3)), (attempt.slot, steps)
        lengths.append(done)
    # the first of all has nobody to lose against; the second is worse than it, the third better than both
    assert lengths[:3] == [[5, 15, 45, 60], [5], [5, 15, 45, 60]]
    assert [trial.state for trial in search.trials()] == ["complete" if 60 in done else "pruned" for done in lengths]
    # a trial that was stopped scores what its last run came to, and is never what is confirmed
    assert search.best_values() == search.ended()[11].params


def test_health_is_decades_between_the_first_tenth_and_the_last():
    def profile(first, last):
        rows = [("initial", 1, 5.0), ("initial", 2, 5.0), ("trained", 2, last), ("trained", 1, first)]
        return pd.DataFrame(rows, columns=["moment", "t", "median"])

    assert health(profile(1e-3, 1e-1)) == pytest.approx(-2)
    assert health(profile(1e-1, 1e-3)) == pytest.approx(-2)
    assert health(profile(2.0, 2.0)) == 0
    # tenths of thirty steps are three: one odd step at an end decides nothing
    rows = [("trained", t, 1e-3 if t <= 3 else 1.0) for t in range(2, 31)] + [("trained", 1, 9.0)]
    assert health(pd.DataFrame(rows, columns=["moment", "t", "median"])) == pytest.approx(-3)
    assert health(profile(0.0, 2.0)) == health(pd.DataFrame()) == WORST_HEALTH


def test_parameters_and_memory_as_objectives_are_the_same_every_time(tmp_path):
    names = '["score", "parameters", "memory"]'
    drawn = TINY[: TINY.index('[[task]]\nname = "copy"')].replace("[budget]\nparameters = 300", 'engine = "reference"')
    drawn = drawn.replace("trials = 3", f"trials = 3\nseeds = [10, 11]\nobjectives = {names}")
    drawn += '[[cell]]\nname = "generated"\nhidden_size = 12\n'
    plan = read_plan(write_study(tmp_path, drawn))
    tables = []
    for place in ("first", "again"):
        conduct(plan, tmp_path / place, 1, Quiet())
        rows = collect(plan, tmp_path / place).rows
        tables.append(rows[rows["phase"] == "search"])
    tried, again = tables
    columns = ["objective.score", "objective.parameters", "objective.memory"]
    assert again[columns].equals(tried[columns])
    # each run of a trial draws a network of its own: their mean counts
    assert tried["parameters"].nunique() > 3
    trials = tried.groupby("trial")
    assert (trials["parameters"].mean() == trials["objective.parameters"].first()).all()
    runs = [trial.runs for trial in CellSearch(plan, plan.competitors[0], open_journal(tmp_path / "first")).trials()]
    by_hand = [sum(kept_by_hand(config) for config in two) / 2 for two in runs]
    assert trials["objective.memory"].first().tolist() == by_hand


def kept_by_hand(config):
    """Return the MiB of what autograd saves of a run's first batch, each storage once, parameters left out."""
    task = make_task(config)
    model = make_model(config, task)
    batch = task.train_batch(config.seed, 0, config.training.batch_size)
    storages = {}
    with torch.autograd.graph.saved_tensors_hooks(
        lambda t: storages.setdefault(t.untyped_storage().data_ptr(), t), lambda t: t
    ):
        loss = task.loss(model(batch.x, batch.lengths), batch.target)
    assert loss.requires_grad
    for p in model.parameters():
        storages.pop(p.untyped_storage().data_ptr(), None)
    return sum(t.untyped_storage().nbytes() for t in storages.values()) / 2**20


def test_a_study_of_three_objectives_and_one_of_seeds_end_in_rows(tmp_path):
    small = TINY[: TINY.index('[[task]]\nname = "copy"')] + '[[cell]]\nname = "cornn"\n'
    three = small.replace("trials = 3", 'trials = 3\nobjectives = ["score", "seconds_per_step", "gradient_health"]')
    plan = read_plan(write_study(tmp_path, three))
    conduct(plan, tmp_path / "three", 1, Quiet())
    rows = collect(plan, tmp_path / "three").rows
    tried = rows[rows["phase"] == "search"]
    assert tried["objective.score"].tolist() == tried["valid"].tolist()
    assert (tried["objective.seconds_per_step"] > 0).all()
    assert tried["objective.gradient_health"].between(WORST_HEALTH, 0).all()
    chosen = rows[rows["phase"] == "confirm"]["training.lr"].unique()
    assert chosen.tolist() == [tried.loc[tried["valid"].idxmin(), "training.lr"]]

    plan = read_plan(write_study(tmp_path, small.replace("trials = 3", "trials = 2\nseeds = [10, 11]")))
    conduct(plan, tmp_path / "seeds", 1, Quiet())
    rows = collect(plan, tmp_path / "seeds").rows
    tried = rows[rows["phase"] == "search"]
    assert tried[["trial", "seed"]].to_numpy().tolist() == [[0, 10], [0, 11], [1, 10], [1, 11]]
    assert tried.groupby("trial")["trial_score"].first().tolist() == tried.groupby("trial")["valid"].mean().tolist()
    assert (tried["trial_state"] == "complete").all()


BROKEN = {
    "too few pairs": ('pruner = "wilcoxon"', "search.pruner = 'wilcoxon': compares trials over at least 8 pairs"),
    "no first rung": ('pruner = "hyperband"', "search.smallest_steps: is missing"),
    "first rung too long": ('pruner = "hyperband"\nsmallest_steps = 6', "must be below the 6 steps of a trial"),
    "hyperband with seeds": (f'pruner = "hyperband"\nsmallest_steps = 2\n{SEEDS}', "runs of growing length"),
    "halving with seeds": (f'pruner = "halving"\nsmallest_steps = 2\n{SEEDS}', '"halving" compares runs of growing'),
    "halving without a first rung": ('pruner = "halving"', 'the first rung of "halving"'),
    "hyperband with time": ('pruner = "hyperband"\nsmallest_steps = 2\nseconds = 1.0', "counts steps"),
    "a rung without hyperband": ("reduction = 4", "search.reduction = 4: belongs to pruner"),
    "no score": ('objectives = ["seconds_per_step"]', 'must hold "score"'),
    "unknown objective": ('objectives = ["score", "beauty"]', "search.objectives.1 = 'beauty'"),
    "pruner of several objectives": (
        f'objectives = ["score", "gradient_health"]\npruner = "wilcoxon"\n{SEEDS}',
        "by one objective",
    ),
    "search and confirm on one seed": ("seeds = [1, 10]", "holds the confirm seeds [1]"),
    "a seed twice": ("seeds = [10, 10]", "search.seeds = [10, 10]: has a seed twice"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_mistake_in_the_search_is_told(tmp_path, case):
    addition, expected = BROKEN[case]
    found = mistakes(tmp_path, TINY.replace("trials = 3", f"trials = 3\n{addition}"))
    assert any(expected in line for line in found), found
