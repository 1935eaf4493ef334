"""Reports without the work of drawing: half a second a figure, which a test of anything else need not wait for."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from rnnzoo.report import drawing

PLATE = drawing.Plate(svg=b'<svg xmlns="http://www.w3.org/2000/svg"/>', png=b"", share=1.0)
"""What stands in the place of every figure."""


@contextmanager
def undrawn() -> Iterator[None]:
    """Let this process write reports with an empty plate in the place of every figure."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "plate", lambda _: PLATE)
        yield
