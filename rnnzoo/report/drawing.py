"""Figures from what draws them to the bytes of their files, in this process or in others beside it."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from rnnzoo.beside import Beside, Job
from rnnzoo.report import canvas

Draw = Callable[[], Figure]
"""What draws a figure: a function of a module with all of its arguments, so that another process can be asked."""

DOTS_PER_INCH = 160


@dataclass(frozen=True)
class Plate:
    """A figure as it is written.

    Attributes:
        svg: the file.
        png: the file.
        share: of a full figure's width.
    """

    svg: bytes
    png: bytes
    share: float


class Drawings:
    """The figures of a report by the stems of their files; processes beside this one begin as soon as one is known.

    Args:
        beside: who draws too; None for this process alone.

    Attributes:
        jobs: stem → the work of drawing it.
    """

    def __init__(self, beside: Beside | None = None) -> None:
        self._beside = beside
        self._draws: dict[str, Draw] = {}
        self.jobs: dict[str, Job[Plate]] = {}

    def add(self, stem: str, draw: Draw) -> None:
        """Have a figure drawn, in place of an earlier one of that stem."""
        self._draws[stem] = draw
        work = partial(plate, draw)
        self.jobs[stem] = Job(work) if self._beside is None else self._beside.submit(work)

    def __iter__(self) -> Iterator[str]:
        return iter(self._draws)

    def __contains__(self, stem: object) -> bool:
        return stem in self._draws

    def figure(self, stem: str) -> Figure:
        """Draw a figure as matplotlib's object."""
        with canvas.drawing():
            return self._draws[stem]()

    def plates(self) -> dict[str, Plate]:
        """Return stem → figure, once all are drawn."""
        # others begin with the first, so that this process meets them last
        found = {stem: self.jobs[stem].result() for stem in reversed(self.jobs)}
        return {stem: found[stem] for stem in self._draws}


def plate(draw: Draw) -> Plate:
    """Draw a figure."""
    with canvas.drawing():
        figure = draw()
        drawn = Plate(svg(figure), png(figure), figure.get_size_inches()[0] / canvas.WIDTH)
        figure.clear()
    return drawn


def svg(figure: Figure) -> bytes:
    """Return a figure as SVG without a date, so that it is the same every time."""
    FigureCanvasSVG(figure)
    if (layout := figure.get_layout_engine()) is not None:
        # solved here, once for both files: to solve it, saving would draw the whole figure once more
        layout.execute(figure)
        figure.set_layout_engine(None)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def png(figure: Figure) -> bytes:
    """Return a figure as PNG."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH)
    return buffer.getvalue()
