"""The parts of a report, before they are HTML or Markdown: plain text everywhere, escaped by whoever writes it."""

from dataclasses import dataclass, field

import pandas as pd

from rnnzoo.report.sentences import Verdict


@dataclass(frozen=True)
class Paragraph:
    """Running text; `missing` says that something is absent from the study."""

    text: str
    missing: bool = False
    kind: str = field(default="paragraph", init=False)


@dataclass(frozen=True)
class Bullets:
    """A list of sentences, each with an optional heading in bold."""

    entries: tuple[tuple[str, str], ...]
    kind: str = field(default="bullets", init=False)


@dataclass(frozen=True)
class Verdicts:
    """The answer for each task, side by side."""

    entries: tuple[Verdict, ...]
    colours: dict[str, str]
    kind: str = field(default="verdicts", init=False)


@dataclass(frozen=True)
class Shade:
    """A cell of the overview: the score, a line of small print, and its colours."""

    text: str
    small: str = ""
    background: str = ""
    ink: str = ""
    best: bool = False


@dataclass(frozen=True)
class Matrix:
    """Cells of the zoo × tasks, heat-coloured."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Shade, ...]], ...]
    colours: dict[str, str]
    kind: str = field(default="matrix", init=False)


@dataclass(frozen=True)
class Table:
    """A table of text; columns whose name is in `right` are aligned right; `folded` starts closed."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: frozenset[str] = frozenset()
    folded: bool = False
    kind: str = field(default="table", init=False)


@dataclass(frozen=True)
class Picture:
    """A figure: its file's stem in `figures/`, what it shows, and the same in words for those who cannot see it."""

    stem: str
    caption: str
    alt: str
    frame: pd.DataFrame
    kind: str = field(default="picture", init=False)


@dataclass(frozen=True)
class Code:
    """A shell command."""

    text: str
    kind: str = field(default="code", init=False)


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    text: str
    kind: str = field(default="heading", init=False)


Block = Paragraph | Bullets | Verdicts | Matrix | Table | Picture | Code | Heading


@dataclass(frozen=True)
class Section:
    """A section: its anchor, its title, a shorter one for the table of contents, and its parts."""

    anchor: str
    title: str
    short: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Report:
    """A whole report.

    Attributes:
        name: of the study.
        question: what it asks.
        headline: the answer in a sentence or two.
        summary: small print under it: date, time, sizes.
        sections: in order.
        origin: what it was made from.
        row: what a row of rows.csv is.
    """

    name: str
    question: str
    headline: str
    summary: tuple[str, ...]
    sections: tuple[Section, ...]
    origin: str = "run records"
    row: str = "run"

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """All figures, in order."""
        return tuple(block for section in self.sections for block in section.blocks if isinstance(block, Picture))
