"""Frames to figures, a module a section: each draws just what a frame of `tables`, `gradients` or `searched` holds."""

SECTIONS = ("across", "cost", "curves", "front", "gradients", "learning", "overview", "scores", "search", "tuning")

MODULES = (*(f"{__name__}.{section}" for section in SECTIONS), "rnnzoo.report.laboratory.figures")
"""What draws the figures of a study. None of it imports PyTorch, which would take as long as all the rest: processes
that only draw begin seconds sooner."""
