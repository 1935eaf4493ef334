"""The five permutations of 784 pixels that all go by the name psMNIST, each by whose it is.

A permutation p acts as x_permuted[t] = x[p[t]]. Scores on different permutations are scores on different tasks; the
bit reversal above all, which keeps structure that the random ones destroy.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rnnzoo.checks import one_of

PIXELS = 784


@dataclass(frozen=True)
class Permutation:
    """How a permutation is made and what must come out.

    Attributes:
        construction: as the authors' code has it.
        users: the papers whose code uses it.
        make: returns it, int64 (784,).
        first: its first eight entries.
        sha1: first twelve hexadecimal digits of the SHA-1 of its entries as little-endian int64.
    """

    construction: str
    users: str
    make: Callable[[], Tensor]
    first: tuple[int, ...]
    sha1: str


def torch_permutation(seed: int) -> Callable[[], Tensor]:
    """Return the maker of `torch.randperm(784)` under `torch.manual_seed(seed)`; the global generator is left alone."""
    return lambda: torch.randperm(PIXELS, generator=torch.Generator().manual_seed(seed))


def numpy_permutation(seed: int) -> Callable[[], Tensor]:
    """Return the maker of `numpy.random.RandomState(seed).permutation(784)`."""
    return lambda: torch.from_numpy(np.random.RandomState(seed).permutation(PIXELS).astype(np.int64))


def bit_reversal() -> Tensor:
    """Return the numbers below 1024 in the order of their reversed ten bits, without those from 784 on."""
    reversed_bits = [int(f"{i:010b}"[::-1], 2) for i in range(1024)]
    return torch.tensor([i for i in reversed_bits if i < PIXELS])


PERMUTATIONS = {
    "cornn": Permutation(
        "torch.manual_seed(12008); torch.randperm(784)",
        "coRNN, LipschitzRNN",
        torch_permutation(12008),
        (91, 97, 471, 426, 157, 451, 312, 198),
        "3808ae37df68",
    ),
    "unicornn": Permutation(
        "torch.manual_seed(5544); torch.randperm(784)",
        "UnICORNN, LEM",
        torch_permutation(5544),
        (327, 72, 48, 129, 109, 101, 69, 569),
        "b6544794bf1f",
    ),
    "scornn": Permutation(
        "numpy.random.RandomState(92916).permutation(784)",
        "scoRNN, expRNN and dtriv, full-capacity uRNN",
        numpy_permutation(92916),
        (319, 576, 323, 107, 355, 716, 197, 20),
        "fa93a631cf7c",
    ),
    "nnrnn": Permutation(
        "numpy.random.RandomState(1234).permutation(784)",
        "nnRNN",
        numpy_permutation(1234),
        (529, 511, 328, 133, 532, 378, 156, 305),
        "f569e36972e9",
    ),
    "bit_reversal": Permutation(
        "bit reversal of 0 … 1023, those below 784 kept",
        "HiPPO, S4, S5, minimal-LRU",
        bit_reversal,
        (0, 512, 256, 768, 128, 640, 384, 64),
        "6f9e391a4361",
    ),
}
"""Name → permutation, by the paper whose it is."""


def sha1_of(permutation: Tensor) -> str:
    """Return the first twelve hexadecimal digits of the SHA-1 of the entries as little-endian int64."""
    return hashlib.sha1(permutation.numpy().astype("<i8").tobytes()).hexdigest()[:12]


def checked_permutation(name: str) -> Tensor:
    """Return a permutation by name, checked against its recorded first entries and hash.

    Raises:
        ValueError: there is none of that name.
        RuntimeError: what came out is not what is recorded: the generator of torch or numpy has changed.
    """
    one_of("PSMNIST", "permutation", name, PERMUTATIONS)
    recorded = PERMUTATIONS[name]
    made = recorded.make()
    first, sha1 = tuple(made[:8].tolist()), sha1_of(made)
    if first != recorded.first or sha1 != recorded.sha1:
        raise RuntimeError(
            f"permutation {name!r} ({recorded.construction}) must begin {recorded.first} with sha1 {recorded.sha1}, "
            f"but torch {torch.__version__} and numpy {np.__version__} give {first} with sha1 {sha1}: their random "
            "generator has changed; install torch 2.13 and numpy 2.4, which gave the recorded one"
        )
    return made
