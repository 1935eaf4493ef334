"""Every generator that a run may draw from: seeded at its beginning, kept in its checkpoints.

The cells and tasks of the zoo draw from PyTorch's generator or from streams of their own; a user's cell may use
Python's or NumPy's.
"""

import random
from typing import Any

import numpy as np
import torch


def seed_all(seed: int) -> None:
    """Seed PyTorch's (on every device), NumPy's and Python's global generators."""
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)


def random_states() -> dict[str, Any]:
    """Return the states of all global generators, as plain values and tensors that load with `weights_only=True`."""
    name, key, position, has_gauss, gauss = np.random.get_state(legacy=True)
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": (str(name), torch.from_numpy(np.asarray(key, dtype=np.int64)), int(position), int(has_gauss), gauss),
        "python": random.getstate(),
    }


def restore(states: dict[str, Any]) -> None:
    """Go on from what `random_states` returned."""
    torch.set_rng_state(states["torch"])
    if states["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(states["cuda"])
    name, key, position, has_gauss, gauss = states["numpy"]
    np.random.set_state((name, key.numpy().astype(np.uint32), position, has_gauss, gauss))
    version, internal, gauss_next = states["python"]
    random.setstate((version, tuple(internal), gauss_next))
