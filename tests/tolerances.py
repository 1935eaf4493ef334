"""How far two results may lie apart: one table, each entry with its reason."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Tolerance:
    """Allowed distance |a − b| ≤ absolute + relative · |b|, entry by entry."""

    relative: float
    absolute: float
    reason: str

    def assert_close(self, actual: Tensor, expected: Tensor, what: str = "") -> None:
        def message(text: str) -> str:
            return f"{what}: {text}\ntolerance: {self.reason}"

        torch.testing.assert_close(actual, expected, rtol=self.relative, atol=self.absolute, msg=message)


SAME_MATHS = Tolerance(
    1e-9, 1e-11, "float64, same products in another order or shape, up to 63 steps, values of order 1"
)
GRADIENTS = Tolerance(1e-8, 1e-10, "float64, sums over up to 63 steps and a batch in another order")
ROUND_TRIP = Tolerance(0.0, 0.0, "the same operations on the same numbers")
FLOAT32 = Tolerance(2e-3, 2e-5, "63 steps of float32 rounding, 6e-8 each, stretched by cells that are not contractive")
INVERSE = Tolerance(1e-9, 1e-10, "float64 rounding of one shear and its inverse, scaled by 1 + alpha dt²")
MANIFOLD = Tolerance(
    0.0, 1e-10, "float64: rounding of an exponential or a product of H reflections, some 100 · 2e-16 · H"
)
MANIFOLD_FLOAT32 = Tolerance(0.0, 1e-5, "float32: as above with 6e-8; the bound that the project promises")
AFFINE = Tolerance(1e-10, 1e-12, "float64, one step")
LOG_SINGULAR_VALUES = Tolerance(
    0.0, 1e-7, "float64: 2e-16 times the condition of a factor, up to 1e6 in the tests, summed over up to 300 factors"
)

NOT_NEGLIGIBLE = 1e-6
"""Least gradient at a lag, as a share of the gradient at lag 0, that a comparison of gradients may rest on: with
float64's 2e-16 it leaves nine digits."""

ONNX = Tolerance(
    1e-5, 1e-5, "onnxruntime adds up and takes tanh in another order; 4e-6 was seen, over 60 steps of urnn"
)
