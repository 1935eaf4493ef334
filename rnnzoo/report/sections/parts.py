"""What the sections have in common: figures put in their place, and words for what a study does not have."""

import pandas as pd

from rnnzoo.report.blocks import Paragraph, Picture
from rnnzoo.report.drawing import Draw, Drawings


def picture(drawn: Drawings, stem: str, draw: Draw, caption: str, alt: str, frame: pd.DataFrame) -> Picture:
    """Have a figure drawn under its stem and return its place in the report."""
    drawn.add(stem, draw)
    return Picture(stem, caption, alt, frame.reset_index(drop=True))


def missing(text: str) -> Paragraph:
    """Return a paragraph that says what the study does not have."""
    return Paragraph(text, missing=True)
