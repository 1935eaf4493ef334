"""How far a recurrent matrix is from orthogonal or unitary, and between what its singular values lie."""

import pandas as pd
import torch

from rnnzoo.cells.base import Cell
from rnnzoo.orthogonal import orthogonality_error
from rnnzoo.recurrent import Recurrent
from rnnzoo.unitary import unitarity_error

COLUMNS = ("layer", "error", "largest", "smallest", "claim")
"""Columns of `matrix_state`.

layer: number from 1, with the direction where there are two. error: ‖WᵀW - I‖₂, for the real form of a complex matrix
too. largest, smallest: singular values of W. claim: "orthogonal", "unitary", "singular values in [a, b]", or "".
"""


def matrix_state(layer: Recurrent) -> pd.DataFrame:
    """Return one row for every cell of a layer that has a square recurrent matrix W, with `COLUMNS`."""
    cells = [cell for cell in layer.cells if isinstance(cell, Cell)]
    rows = []
    for number, cell in enumerate(cells):
        W = cell.recurrent_weights().get("W")
        if W is None or W.dim() != 2 or W.shape[0] != W.shape[1]:
            continue
        W = W.detach()
        if not bool(torch.isfinite(W).all()):
            continue
        values = torch.linalg.svdvals(W.double())
        error = unitarity_error(W) if cell.claims.unitary else orthogonality_error(W)
        words = f"{number // layer.directions + 1}"
        if layer.directions > 1:
            words += (" forward", " backward")[number % 2]
        rows.append(
            {
                "layer": words,
                "error": float(error),
                "largest": float(values[0]),
                "smallest": float(values[-1]),
                "claim": claim(cell),
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def claim(cell: Cell) -> str:
    """Return what a cell claims of its recurrent matrix, in words."""
    if cell.claims.orthogonal or cell.claims.unitary:
        return "orthogonal" if cell.claims.orthogonal else "unitary"
    if cell.claims.singular_values is None:
        return ""
    low, high = cell.claims.singular_values
    return f"singular values in [{low:g}, {high:g}]"
