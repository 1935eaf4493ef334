"""From run records to a report: frames, figures and one self-contained page."""

from rnnzoo.report.content import StudyContent, TaskContent
from rnnzoo.report.index import write_index
from rnnzoo.report.writing import write_report

__all__ = ["StudyContent", "TaskContent", "write_index", "write_report"]
