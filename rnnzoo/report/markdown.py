"""The report as Markdown, with links to the figures' files."""

import re

from rnnzoo.report.blocks import Block, Bullets, Code, Heading, Matrix, Paragraph, Picture, Report, Table, Verdicts

SPECIAL = re.compile(r"([\\`*_{}\[\]|~$])")


def escape(text: str) -> str:
    """Return text that Markdown and the HTML in it show as it stands, on one line."""
    flat = " ".join(str(text).split())
    flat = flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    flat = SPECIAL.sub(r"\\\1", flat)
    # what makes a heading, a rule or a list stands at the beginning
    return re.sub(r"^(\d*)([-=+#.)])", r"\1\\\2", flat)


def code(text: str) -> str:
    """Return a fenced block that no run of backticks in the text can close."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}sh\n{text}\n{fence}"


def table(columns: tuple[str, ...], rows: tuple[tuple[str, ...], ...], right: frozenset[str]) -> str:
    """Return a pipe table."""
    lines = [
        "| " + " | ".join(map(escape, columns)) + " |",
        "|" + "|".join("---:" if name in right else "---" for name in columns) + "|",
        *("| " + " | ".join(map(escape, row)) + " |" for row in rows),
    ]
    return "\n".join(lines)


def render(report: Report) -> str:
    """Return the whole report."""
    parts = [f"# {escape(report.name)}", escape(report.question), f"**{escape(report.headline)}**",
             escape(" · ".join(report.summary)),
             "The same with larger figures: [report.html](report.html). "
             f"All {report.row}s: [rows.csv](rows.csv)."]  # fmt: skip
    for section in report.sections:
        parts.append(f"## {escape(section.title)}")
        parts += [write(block) for block in section.blocks]
    return "\n\n".join(parts) + "\n"


def write(block: Block) -> str:
    """Return one part of the report."""
    match block:
        case Verdicts():
            return "\n\n".join(
                f"### {escape(item.title)}: {escape(item.headline)}\n\n{escape(' '.join(item.sentences))}"
                for item in block.entries
            )
        case Matrix():
            rows = tuple(
                (
                    cell,
                    *(
                        f"{shade.text}{f' ({shade.small})' if shade.small else ''}{' ★' if shade.best else ''}"
                        for shade in shades
                    ),
                )
                for cell, shades in block.rows
            )
            columns = ("cell", *block.columns)
            return f"{table(columns, rows, frozenset(block.columns))}\n\n{escape(block.caption)}"
        case Table():
            return f"{escape(block.caption)}\n\n{table(block.columns, block.rows, block.right)}"
        case Picture():
            image = f"![{escape(block.alt)}](figures/{block.stem}.png)"
            files = f"[SVG](figures/{block.stem}.svg) · [numbers](figures/{block.stem}.csv)"
            return f"{image}\n\n{escape(block.caption)} {files}"
        case Bullets():
            return "\n".join(f"- **{escape(name)}** {escape(text)}" for name, text in block.entries)
        case Paragraph():
            return f"*{escape(block.text)}*" if block.missing else escape(block.text)
        case Heading():
            return f"### {escape(block.text)}"
        case Code():
            return code(block.text)
