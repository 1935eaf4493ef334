"""One colour, marker and line style a cell, the same in every figure of every report.

The colours follow Okabe and Ito and Tol, whose palettes stay apart for the colour-blind; families share a region:
the control is grey, gated cells blue, oscillators orange, orthogonal and unitary ones green to purple. Markers and
dashes carry the same distinction in grey-scale print. No cell is marked with a cross: crosses are runs that were lost.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from rnnzoo.learning.options import JOINED

Dash = tuple[int, tuple[float, ...]]
"""A line style of matplotlib: offset and on-off lengths in points of line width; no lengths for a solid line."""


@dataclass(frozen=True)
class CellStyle:
    """How a cell is drawn.

    Attributes:
        colour: "#rrggbb".
        marker: of matplotlib.
        dash: line style of matplotlib.
    """

    colour: str
    marker: str
    dash: Dash


SOLID: Dash = (0, ())

ZOO_STYLES: dict[str, CellStyle] = {
    "rnn": CellStyle("#5b5b5b", "<", (0, (1.2, 1.4))),
    "lstm": CellStyle("#0065a8", "s", SOLID),
    "gru": CellStyle("#56b4e9", "D", (0, (5, 1.6))),
    "cornn": CellStyle("#cc4a00", "o", SOLID),
    "unicornn": CellStyle("#eba000", "^", (0, (6, 1.6, 1.4, 1.6))),
    "urnn": CellStyle("#008f68", "v", (0, (3, 1.4))),
    "exprnn": CellStyle("#d77bb4", "P", SOLID),
    "spectral": CellStyle("#7a1f5c", "h", (0, (6, 1.4, 1.4, 1.4, 1.4, 1.4))),
}

EXTRA_COLOURS = ("#8a6d00", "#1f2a6b", "#7fa650", "#b3414f", "#6a51c9", "#3c8f98", "#a0522d", "#2f4f2f")
EXTRA_MARKERS = ("p", ">", "d", "8", "H")
EXTRA_DASHES: tuple[Dash, ...] = (SOLID, (0, (4, 1.4)), (0, (1.2, 1.2)), (0, (7, 1.4, 1.4, 1.4)))

RULE_COLOURS = ("#1d2126", "#8f959d", "#0065a8", "#cc4a00", "#008f68", "#d77bb4", "#eba000", "#7a1f5c", "#56b4e9")
"""Of learning rules, in the order of the study: black for the first, as a rule backpropagation, grey for the second."""

BASELINE = "#8a8a8a"
INK = "#1d2126"


def cell_styles(cells: Sequence[str]) -> dict[str, CellStyle]:
    """Return a style for each cell: the zoo's own where it has one, else one that its name decides.

    A user's cell keeps its style from study to study as long as no other cell of the same study wants it: of two, the
    one whose name comes later in the alphabet moves on to the next free style.
    """
    styles = {cell: ZOO_STYLES[cell] for cell in cells if cell in ZOO_STYLES} | _rule_styles(cells)
    taken: set[int] = set()
    kinds = len(EXTRA_COLOURS) * len(EXTRA_MARKERS)
    for cell in sorted(set(cells) - set(styles)):
        start = int(hashlib.sha256(cell.encode()).hexdigest(), 16) % kinds
        free = (index % kinds for index in range(start, start + kinds) if index % kinds not in taken)
        # a colour of its own comes first, as long as there are colours left
        used = {index % len(EXTRA_COLOURS) for index in taken}
        candidates = list(free)
        fresh = [index for index in candidates if index % len(EXTRA_COLOURS) not in used]
        index = (fresh or candidates or [start])[0]
        taken.add(index)
        styles[cell] = CellStyle(
            EXTRA_COLOURS[index % len(EXTRA_COLOURS)],
            EXTRA_MARKERS[index // len(EXTRA_COLOURS)],
            EXTRA_DASHES[index % len(EXTRA_DASHES)],
        )
    return {cell: styles[cell] for cell in cells}


def _rule_styles(cells: Sequence[str]) -> dict[str, CellStyle]:
    """Return styles for labels of a cell under a learning rule: the rule's colour, the cell's marker and dashes."""
    pairs = {label: tuple(label.split(JOINED, 1)) for label in cells if JOINED in label}
    rules = list(dict.fromkeys(rule for _, rule in pairs.values()))
    looks = cell_styles(list(dict.fromkeys(cell for cell, _ in pairs.values()))) if pairs else {}
    colours = dict(zip(rules, RULE_COLOURS * (1 + len(rules) // len(RULE_COLOURS)), strict=False))
    return {
        label: CellStyle(colours[rule], looks[cell].marker, looks[cell].dash) for label, (cell, rule) in pairs.items()
    }


def rule_styles(rules: Sequence[str]) -> dict[str, CellStyle]:
    """Return a style for each learning rule of a study, in the colours that its labels have."""
    return {
        rule: CellStyle(RULE_COLOURS[i % len(RULE_COLOURS)], EXTRA_MARKERS[i % len(EXTRA_MARKERS)], EXTRA_DASHES[i % 4])
        for i, rule in enumerate(rules)
    }
