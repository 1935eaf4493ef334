"""How often clipping struck along training."""

from collections.abc import Iterable, Mapping

import pandas as pd


def clipping(curve: Iterable[Mapping[str, float]] | pd.DataFrame) -> pd.DataFrame:
    """Return how often clipping struck along training.

    Args:
        curve: `Training.curve`, or the learning curve of a run.

    Returns:
        one row an evaluation: step, clipped (share of the optimiser steps since the row before whose gradient was
        changed), overall (the same from the beginning on) and grad_norm (mean norm before clipping).
    """
    frame = pd.DataFrame(curve if isinstance(curve, pd.DataFrame) else list(curve))
    if frame.empty:
        return pd.DataFrame(columns=["step", "clipped", "overall", "grad_norm"])
    since = frame["step"].diff().fillna(frame["step"])
    overall = (frame["clipped"] * since).cumsum() / frame["step"]
    return frame[["step", "clipped", "grad_norm"]].assign(overall=overall)[["step", "clipped", "overall", "grad_norm"]]
