"""psMNIST: MNIST pixel by pixel in one fixed random order."""

from typing import Any, final

from torch import Tensor

from rnnzoo.tasks.permutations import PERMUTATIONS, checked_permutation
from rnnzoo.tasks.pixel_mnist import PixelMNIST


@final
class PSMNIST(PixelMNIST):
    """Name the digit after its 784 pixels, fed one at a time in one fixed order that is the same for all images.

    Args:
        permutation: whose order: "cornn", "unicornn", "scornn", "nnrnn" or "bit_reversal"; scores on different ones
            are not comparable.
        split_seed: draws the 3,000 validation images, from 0 to 2³² − 1.

    Raises:
        TypeError, ValueError: an option is not one of its values.
        RuntimeError: torch or numpy no longer gives the recorded permutation.
        DataError: at the first batch, if MNIST is neither found nor can be downloaded, or is damaged.

    Source: Le, Jaitly and Hinton, A Simple Way to Initialize Recurrent Networks of Rectified Linear Units, 2015, with
    the permutations of the codes named in `rnnzoo.tasks.permutations`.
    """

    summary = "name an MNIST digit fed a pixel at a time in a fixed random order"

    def __init__(self, permutation: str = "cornn", split_seed: int = 0) -> None:
        super().__init__(split_seed)
        self.permutation = permutation
        self.pixel_order = checked_permutation(permutation)

    @property
    def order(self) -> Tensor:
        """The permutation."""
        return self.pixel_order

    def options(self) -> dict[str, Any]:
        """Return permutation and split_seed."""
        return {"permutation": self.permutation, "split_seed": self.split_seed}

    def facts(self) -> dict[str, str]:
        """Return whose permutation it is and its mark, the length and the sizes of the splits."""
        recorded = PERMUTATIONS[self.permutation]
        return {
            "permutation": f"{self.permutation!r}, that of {recorded.users}: {recorded.construction}; "
            f"begins {' '.join(map(str, recorded.first))}, sha1 {recorded.sha1}",
            **self.shared_facts(),
        }
