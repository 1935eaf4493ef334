"""Fashion-MNIST: clothes pixel by pixel, row after row, or a whole row at a step."""

from typing import Any, ClassVar, Literal, final

from rnnzoo.tasks.pixel_mnist import PixelMNIST
from rnnzoo.tasks.smnist import ROW


@final
class Fashion(PixelMNIST):
    """Name the piece of clothing after its 784 pixels, fed one at a time from the top left, row by row.

    Args:
        rows: whether a step shows a whole row, so that a sequence has 28 steps of 28 pixels.
        split_seed: draws the 3,000 validation images, from 0 to 2³² − 1.

    Raises:
        TypeError, ValueError: split_seed is not an integer in its range, or rows neither true nor false.
        DataError: at the first batch, if Fashion-MNIST is neither found nor can be downloaded, or is damaged.

    Source: Xiao, Rasul and Vollgraf, Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
    Algorithms, 2017; fed as sMNIST is.
    """

    summary = "name a piece of clothing fed a pixel at a time (or a row at a time)"
    dataset: ClassVar[Literal["mnist", "fashion"]] = "fashion"

    def __init__(self, split_seed: int = 0, *, rows: bool = False) -> None:
        if not isinstance(rows, bool):
            raise TypeError(f"Fashion: rows must be true or false, got {rows!r}")
        super().__init__(split_seed, ROW if rows else 1)
        self.rows = rows

    @property
    def order(self) -> None:
        """Row by row."""
        return

    def options(self) -> dict[str, Any]:
        """Return split_seed and rows."""
        return {"split_seed": self.split_seed, "rows": self.rows}

    def facts(self) -> dict[str, str]:
        """Return the order of the pixels, the length and the sizes of the splits."""
        return {"order of pixels": "row by row", **self.shared_facts()}
