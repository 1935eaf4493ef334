"""The pruners: what a trial's runs are, and after which of them a trial that does badly is stopped.

A trial is stopped between its runs, never inside one: a run stays a pure function of its configuration.
"""

from optuna.pruners import BasePruner, HyperbandPruner, SuccessiveHalvingPruner, WilcoxonPruner

from rnnzoo.study.quiet import quiet_optuna
from rnnzoo.study.schema import Search

FEWEST_PAIRS = 8
"""(task, seed) pairs that the Wilcoxon pruner needs: with fewer, hardly any difference is certain."""


def rungs(search: Search, steps: int) -> list[int]:
    """Return the training steps of a trial's runs: one length, or the growing ones of successive halving.

    Args:
        search: the study's section.
        steps: of a full trial.
    """
    if not search.by_rungs or search.smallest_steps is None:
        return [steps]
    lengths, length = [], search.smallest_steps
    while length < steps:
        lengths.append(length)
        length *= search.reduction
    return [*lengths, steps]


def make_pruner(search: Search, steps: int) -> BasePruner | None:
    """Return a new pruner, or None where every trial is carried through.

    Args:
        search: the study's section.
        steps: of a full trial.
    """
    with quiet_optuna():
        match search.pruner:
            case "wilcoxon":
                return WilcoxonPruner(p_threshold=0.1, n_startup_steps=2)
            case "hyperband":
                assert search.smallest_steps is not None
                return HyperbandPruner(search.smallest_steps, steps, search.reduction)
            case "halving":
                assert search.smallest_steps is not None
                return SuccessiveHalvingPruner(search.smallest_steps, search.reduction)
            case _:
                return None
