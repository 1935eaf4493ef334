"""sMNIST: MNIST pixel by pixel, row by row."""

from typing import Any, final

from rnnzoo.tasks.pixel_mnist import PixelMNIST


@final
class SMNIST(PixelMNIST):
    """Name the digit after its 784 pixels, fed one at a time from the top left, row by row.

    Args:
        split_seed: draws the 3,000 validation images, from 0 to 2³² − 1.

    Raises:
        TypeError, ValueError: split_seed is not an integer in its range.
        DataError: at the first batch, if MNIST is neither found nor can be downloaded, or is damaged.

    Source: Le, Jaitly and Hinton, A Simple Way to Initialize Recurrent Networks of Rectified Linear Units, 2015.
    """

    summary = "name an MNIST digit fed a pixel at a time, row by row"

    def __init__(self, split_seed: int = 0) -> None:
        super().__init__(split_seed)

    @property
    def order(self) -> None:
        """Row by row."""
        return

    def options(self) -> dict[str, Any]:
        """Return split_seed."""
        return {"split_seed": self.split_seed}

    def facts(self) -> dict[str, str]:
        """Return the order of the pixels, the length and the sizes of the splits."""
        return {"order of pixels": "row by row", **self.shared_facts()}
