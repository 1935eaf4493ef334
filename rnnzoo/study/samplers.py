"""The samplers: how the next trial's settings follow from a seed and from the trials before it."""

import math

from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler

from rnnzoo.study.quiet import quiet_optuna

STARTUP_TRIALS = 5
"""Trials drawn at random before the sampler uses what it has seen; half of a short search at the most."""

GENERATIONS = 5
"""Generations of NSGA-II in a search; Optuna's population of 50 would make most searches a single random one."""


def make_sampler(name: str, seed: int, trials: int) -> BaseSampler:
    """Return a sampler whose draws depend on its seed and on the trials that it is shown.

    Args:
        name: "tpe" (tree-structured Parzen estimator), "random", "gp" (Gaussian process) or "nsga2".
        seed: of the draws of one trial.
        trials: of the whole search, by which the random start and the population are sized.
    """
    startup = min(STARTUP_TRIALS, math.ceil(trials / 2))
    with quiet_optuna():
        match name:
            case "random":
                return RandomSampler(seed=seed)
            case "gp":
                # a score is noisy, by its seed or its draw: the variance of the noise is fitted with the others
                return GPSampler(seed=seed, n_startup_trials=startup, deterministic_objective=False)
            case "nsga2":
                return NSGAIISampler(seed=seed, population_size=max(2, math.ceil(trials / GENERATIONS)))
            case _:
                # a search is sequential: there are no running trials to stay away from
                return TPESampler(seed=seed, n_startup_trials=startup, multivariate=True, constant_liar=False)
