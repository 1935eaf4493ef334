"""Real data sets: where they come from, where they are, and what they must contain."""

from rnnzoo.data.errors import DataError
from rnnzoo.data.sources import SOURCES, Source, SourceFile
from rnnzoo.data.store import FileStatus, check, fetch, locate

__all__ = ["SOURCES", "DataError", "FileStatus", "Source", "SourceFile", "check", "fetch", "locate"]
