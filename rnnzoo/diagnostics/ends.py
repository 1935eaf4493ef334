"""What is compared to say whether a gradient reaches the beginning of a sequence."""

import statistics
from collections.abc import Sequence


def ends(medians: Sequence[float]) -> tuple[float, float]:
    """Return what is compared to say whether a gradient reaches the beginning: the norm there, and where it comes from.

    Args:
        medians: of ‖∂L/∂h_t‖ over the batch, in the order of t.

    Returns:
        the median of the first tenth of the steps, and the largest of the last tenth. Where a loss is read after the
        last step, a gradient may be gone within that tenth; its median would then compare nothing with nothing.
    """
    tenth = max(1, len(medians) // 10)
    return statistics.median(medians[:tenth]), max(medians[-tenth:])
