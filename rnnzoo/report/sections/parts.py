"""What the sections have in common: figures put in their place, and words for what a study does not have."""

import pandas as pd
from matplotlib.figure import Figure

from rnnzoo.report import canvas
from rnnzoo.report.blocks import Paragraph, Picture

Drawn = dict[str, Figure]
"""Stem of the file → figure."""


def picture(drawn: Drawn, stem: str, figure: Figure, caption: str, alt: str, frame: pd.DataFrame) -> Picture:
    """Keep a figure under its stem and return its place in the report."""
    drawn[stem] = figure
    return Picture(stem, caption, alt, frame.reset_index(drop=True), figure.get_size_inches()[0] / canvas.WIDTH)


def missing(text: str) -> Paragraph:
    """Return a paragraph that says what the study does not have."""
    return Paragraph(text, missing=True)
