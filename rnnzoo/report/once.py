"""Frames that many sections of a report ask for, computed once while it is composed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps

import pandas as pd

from rnnzoo.report.content import StudyContent

FrameOf = Callable[[StudyContent], pd.DataFrame]

# contents are told apart by who they are; kept here, none is taken for one that is gone
_known: ContextVar[dict[tuple[FrameOf, int], tuple[StudyContent, pd.DataFrame]] | None] = ContextVar(
    "_known", default=None
)


@contextmanager
def remembering() -> Iterator[None]:
    """Remember frames that are marked with `once` until the context's end; contents must not change meanwhile."""
    token = _known.set({})
    try:
        yield
    finally:
        _known.reset(token)


def once(compute: FrameOf) -> FrameOf:
    """Compute a content's frame once within `remembering`; who asks gets a copy."""

    @wraps(compute)
    def frame(content: StudyContent) -> pd.DataFrame:
        known = _known.get()
        if known is None:
            return compute(content)
        key = compute, id(content)
        if key not in known:
            known[key] = content, compute(content)
        return known[key][1].copy()

    return frame
