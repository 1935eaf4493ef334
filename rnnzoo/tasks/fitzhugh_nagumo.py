"""FitzHugh–Nagumo: predict an excitable system one step ahead while its slow half stays hidden."""

from functools import lru_cache
from typing import Any, Literal, final

import numpy as np
import torch
from torch import Tensor

from rnnzoo.checks import integer_in
from rnnzoo.tasks.base import Split
from rnnzoo.tasks.regression import RegressionTask
from rnnzoo.tasks.streams import LARGEST, Stream, stream

SPAN = 400.0
CURRENT, SLOWNESS = 0.5, 50.0
TRAIN, VALID, TEST = 128, 128, 1024
BINS = 512


@final
class FitzHughNagumo(RegressionTask):
    """Predict v_{t+1} from v_0 … v_t, where only the fast variable v of two is seen.

    v′ = v − v³/3 − w + 0.5,  w′ = (v + 0.7 − 0.8 w)/50 on [0, 400], v(0) ~ U(−1, 1), w(0) = 0, sampled at
    `length` + 1 equal times; 128 trajectories for training, 128 for validation, 1,024 for the test.

    The best answer without memory depends on v_t alone: v rises and falls through the same values, and w would tell
    which. It is taken as v_t plus the mean change that the training set shows at this v_t, in 512 bins.

    Args:
        length: steps T, from 2 to 100,000.
        seed: draws the initial values, from 0 to 2³² − 1.

    Raises:
        TypeError, ValueError: an option is not an integer in its range.

    Source: Rusch, Mishra, Erichson and Mahoney, Long Expressive Memory for Sequence Modeling, ICLR 2022, section 5, and
    github.com/tk-rusch/LEM.
    Differs from the authors' code: initial values are drawn by another generator; all trajectories are integrated
    together, with tolerances 1e-7 instead of the solver's defaults; their reported test error is that of the last 128
    of the 1,024 test trajectories, here all count.
    """

    summary = "predict an excitable system one step ahead, its slow half hidden"
    readout = "every"

    def __init__(self, length: int = 1000, seed: int = 0) -> None:
        self.length = integer_in("FitzHughNagumo", "length", length, 2, 100_000)
        self.seed = integer_in("FitzHughNagumo", "seed", seed, 0, LARGEST)
        self.input_size = 1
        self.output_size = 1
        self.train_size = TRAIN

    @property
    def baseline(self) -> float:
        """Mean squared error on the test set of the best answer that knows v_t alone."""
        return memoryless_error(self.length, self.seed)

    def indices(self, split: Literal["train"] | Split) -> Tensor:
        """Return the numbers of the trajectories in a split."""
        start, size = {"train": (0, TRAIN), "valid": (TRAIN, VALID), "test": (TRAIN + VALID, TEST)}[split]
        return torch.arange(start, start + size)

    def train_inputs(self, indices: Tensor, seed: int, step: int) -> Tensor:  # noqa: ARG002 - fixed interface
        """Return v_0 … v_{T−1}."""
        return self.held_out_inputs(indices)

    def held_out_inputs(self, indices: Tensor) -> Tensor:
        """Return v_0 … v_{T−1}."""
        return trajectories(self.length, self.seed)[:-1, indices].unsqueeze(2)

    def lengths(self, indices: Tensor) -> None:
        """All have `length` steps."""

    def targets(self, indices: Tensor) -> Tensor:
        """Return v_1 … v_T."""
        return trajectories(self.length, self.seed)[1:, indices].unsqueeze(2)

    def options(self) -> dict[str, Any]:
        """Return length and seed."""
        return {"length": self.length, "seed": self.seed}

    def facts(self) -> dict[str, str]:
        """Return the length, the splits and the baseline."""
        return {
            "length": f"{self.length} steps over {SPAN:.0f} units of time",
            "training": f"{TRAIN} trajectories, initial values drawn with seed {self.seed}",
            "validation": f"{VALID} trajectories",
            "test": f"{TEST} trajectories",
            "baseline": f"the best answer from the present value alone: mean squared error {self.baseline:.3g}",
        }


@lru_cache(maxsize=2)
def trajectories(length: int, seed: int) -> Tensor:
    """Return v of all trajectories (length + 1, 1280), float32; callers must not write to it."""
    from scipy.integrate import solve_ivp  # a tenth of the time in which a process starts, and of use here alone

    count = TRAIN + VALID + TEST
    v = 2 * torch.rand(count, dtype=torch.float64, generator=stream(Stream.TRAIN, seed, 0)).numpy() - 1

    def derivative(_: float, state: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
        v, w = state[:count], state[count:]
        return np.concatenate([v - v**3 / 3 - w + CURRENT, (v + 0.7 - 0.8 * w) / SLOWNESS])

    times = np.linspace(0.0, SPAN, length + 1)
    start = np.concatenate([v, np.zeros(count)])
    solved = solve_ivp(derivative, (0.0, SPAN), start, method="RK45", t_eval=times, rtol=1e-7, atol=1e-7)
    return torch.from_numpy(solved.y[:count].T.astype(np.float32)).contiguous()


@lru_cache(maxsize=2)
def memoryless_error(length: int, seed: int) -> float:
    """Return the mean squared error on the test set of v_t + the training set's mean change at v_t."""
    values = trajectories(length, seed).double().numpy()
    train, test = values[:, :TRAIN], values[:, TRAIN + VALID :]
    edges = np.quantile(train[:-1], np.linspace(0, 1, BINS + 1)[1:-1])
    bins = np.digitize(train[:-1].ravel(), edges)
    change = (train[1:] - train[:-1]).ravel()
    counts = np.bincount(bins, minlength=BINS)
    means = np.bincount(bins, weights=change, minlength=BINS) / np.maximum(counts, 1)
    answer = test[:-1] + means[np.digitize(test[:-1], edges)]
    return float(np.square(answer - test[1:]).mean())
