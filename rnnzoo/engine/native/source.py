"""A kernel's source and what its functions are called with: what `emit` writes and `function` has to pass."""

from dataclasses import dataclass, field
from typing import NamedTuple

from rnnzoo.engine.native.naming import Grid

FIXED_SIZES = (
    *("T", "batch", "slots", "u_step", "u_row", "u_width"),
    *("scratch_size", "at_once", "summed", "block", "factors_width"),
    *("of_products", "of_columns"),
)
"""The first sizes that a kernel is called with; those of the factors and widths of this cell follow.

slots: states that the trajectory holds, of which the oldest are overwritten. at_once: rows that a thread carries
through all steps at a time. summed: steps after which sums of columns are added up in double precision. block: steps
whose factors of matrices' gradients are kept; then a thread adds up what they give. of_products, of_columns: results
that are parts of matrix products, and those that are sums of columns.
"""

MEMORY = ("scratch", "packed", "factors", "matrix_gradients", "sums_of_columns")
"""Memory that a kernel needs while it runs: each thread's buffers within a step, the matrices, the factors of matrices'
gradients, these gradients, and, in double precision, sums of columns; the last two have a part for each thread."""


class Reads(NamedTuple):
    """What a function reads, in the order in which it is passed.

    Attributes:
        vectors: names.
        matrices: of what they are made.
        packed: reals that the matrices take as they are packed for products.
    """

    vectors: tuple[str, ...]
    matrices: tuple[Grid, ...]
    packed: int


@dataclass
class Source:
    """C++ and what its functions want to be called with.

    Attributes:
        text: the source.
        parts: tensors that the states, or adjoints, at both ends of the loop take.
        sizes: those of the factors and widths of the cell, which follow `FIXED_SIZES`.
        constants: float hyperparameters.
        scratch: function → reals that a thread needs for each row that it carries.
        cut: function that need not carry all rows of a thread's slice at a time → reals of a row that it touches at
            every step.
        buffers: function → how many buffers it unpacks.
        reads: function → the vectors and matrices that it reads of what the prologue gives.
    """

    text: str
    parts: int
    sizes: list[int]
    constants: list[float]
    scratch: dict[str, int] = field(default_factory=dict)
    buffers: dict[str, int] = field(default_factory=dict)
    reads: dict[str, Reads] = field(default_factory=dict)
    cut: dict[str, int] = field(default_factory=dict)
