"""The index of all reports in a folder."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rnnzoo.files import write_text
from rnnzoo.report import markdown
from rnnzoo.report.page import environment

SUMMARY = "summary.json"


def write_index(reports: Path) -> Path:
    """Write index.html and index.md that list the studies whose reports lie in folders of `reports`.

    Args:
        reports: folder of the folders that `write_report` wrote; one without a readable summary is listed by name only.

    Returns:
        the path of index.html.

    Raises:
        FileNotFoundError: `reports` is not a folder.
    """
    if not reports.is_dir():
        raise FileNotFoundError(f"write_index: {reports} is not a folder; run a study first or name another folder")
    studies = [entry(folder) for folder in sorted(reports.iterdir()) if (folder / "report.html").is_file()]
    page = environment().get_template("index.html.jinja").render(studies=studies)
    path = write_text(reports / "index.html", page)
    lines = ["# Reports"]
    for study in studies:
        links = f"[report.md]({study['href']}/report.md) · [report.html]({study['href']}/report.html)"
        lines += [f"## {markdown.escape(study['name'])}", markdown.escape(study["question"])]
        lines += [f"**{markdown.escape(study['headline'])}**", markdown.escape(" · ".join(study["summary"])), links]
    if not studies:
        lines.append("No study has a report here yet.")
    write_text(reports / "index.md", "\n\n".join(line for line in lines if line not in {"", "****"}) + "\n")
    return path


def entry(folder: Path) -> dict[str, Any]:
    """Return what the index says of a study; blank where its summary cannot be read."""
    found: Any = {}
    try:
        found = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = {}
    known = found if isinstance(found, dict) else {}
    parts = known.get("summary")
    return {
        "name": str(known.get("name") or folder.name),
        "question": str(known.get("question") or ""),
        "headline": str(known.get("headline") or ""),
        "summary": [str(part) for part in parts] if isinstance(parts, list) else [],
        "href": quote(folder.name),
    }
