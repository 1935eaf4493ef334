"""What a killed run goes on from: the state of its training, saved every so often, and the one before it.

A checkpoint is read as data (`weights_only=True`) after the checksums of its parts were compared. A damaged one is set
aside with a warning and the one before it taken; without a sound one the run starts anew. In each case it ends in the
same numbers.
"""

import os
import pickle
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from rnnzoo.files import ReadError, sync_folder
from rnnzoo.records import write_tensors
from rnnzoo.training import Training

CHECKPOINT = "checkpoint.pt"
PREVIOUS = "checkpoint-before.pt"
DAMAGED = ".damaged"

VARIABLE = "RNNZOO_CHECKPOINT_SECONDS"
CHECKPOINT_SECONDS = 30.0
"""Time between checkpoints, unless the environment says otherwise: what a kill can cost."""


class CheckpointWarning(UserWarning):
    """A checkpoint cannot be read; an earlier one, or none, was taken instead."""


def checkpoint_seconds() -> float:
    """Return the time between checkpoints, `$RNNZOO_CHECKPOINT_SECONDS` if it is set.

    Raises:
        ValueError: the variable is no number of seconds.
    """
    text = os.environ.get(VARIABLE, "")
    try:
        seconds = float(text) if text else CHECKPOINT_SECONDS
    except ValueError:
        seconds = -1.0
    if not seconds >= 0:
        raise ValueError(f"{VARIABLE} = {text!r}: must be seconds, 0 or above, e.g. 30; set it, or unset it")
    return seconds


def save(folder: Path, training: Training) -> None:
    """Write a checkpoint; the last one becomes the one before."""
    current = folder / CHECKPOINT
    fresh = folder / f"{CHECKPOINT}.fresh"
    write_tensors(fresh, training.state_dict())
    if current.exists():
        current.replace(folder / PREVIOUS)
    fresh.replace(current)
    sync_folder(folder)


def resume(folder: Path, begin: Callable[[], Training]) -> tuple[Training, bool]:
    """Return a training that goes on from the newest sound checkpoint, or a new one.

    Args:
        folder: of the run at work.
        begin: makes the training at its beginning; called again after every checkpoint that failed half-way.

    Returns:
        the training, and whether it goes on from a checkpoint.
    """
    for path, instead in ((folder / CHECKPOINT, "the one before it is tried"), (folder / PREVIOUS, "")):
        if not path.is_symlink() and not path.exists():
            continue
        training = begin()
        try:
            training.load_state_dict(_read(path))
        except Exception as error:  # a stranger's file may be wrong in any way
            instead = instead if (folder / PREVIOUS).exists() and instead else "the run starts anew"
            reason = " ".join(str(error).split())[:200]
            warnings.warn(
                f"{path} cannot be read ({type(error).__name__}: {reason}); {instead}, and ends in the same numbers",
                CheckpointWarning,
                stacklevel=2,
            )
            path.replace(path.with_name(path.name + DAMAGED))
        else:
            return training, True
    return begin(), False


def curve_so_far(folder: Path) -> list[dict[str, float]]:
    """Return the learning curve in the newest checkpoint of a run at work, empty where there is none to read."""
    try:
        curve = _read(folder / CHECKPOINT).get("curve", [])
    except (OSError, ValueError, RuntimeError, zipfile.BadZipFile, pickle.UnpicklingError):
        return []
    return [row for row in curve if isinstance(row, dict)] if isinstance(curve, list) else []


def _read(path: Path) -> dict[str, Any]:
    if path.is_symlink() or not path.is_file():
        raise ReadError("it is no plain file")
    # PyTorch reads the parts without looking at their checksums
    with zipfile.ZipFile(path) as parts:
        if (damaged := parts.testzip()) is not None:
            raise ReadError(f"{damaged} in it is damaged")
    state = torch.load(path, weights_only=True, map_location="cpu")
    if not isinstance(state, dict):
        raise ReadError(f"it holds a {type(state).__name__}, not a training")
    return state
