"""The report as one HTML page that needs no other file and no network."""

import base64
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from rnnzoo.report.blocks import Report
from rnnzoo.report.drawing import Plate

TEMPLATES = Path(__file__).parent


def environment() -> Environment:
    """Return the template environment: everything is escaped, and a name that is not there is an error."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def data_uri(svg: bytes) -> str:
    """Return an SVG picture as the text that stands for its address."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode('ascii')}"


def render(report: Report, plates: Mapping[str, Plate]) -> str:
    """Return the page.

    Args:
        report: what it says.
        plates: stem → figure, one for each of `report.pictures`.
    """
    shown = [(picture.stem, plates[picture.stem]) for picture in report.pictures]
    return (
        environment()
        .get_template("template.html.jinja")
        .render(
            report=report,
            images={stem: data_uri(plate.svg) for stem, plate in shown},
            shares={stem: plate.share for stem, plate in shown},
        )
    )
