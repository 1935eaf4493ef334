"""How a run can end."""

from typing import Literal

State = Literal["finished", "diverged", "out_of_memory", "timed_out", "failed"]

LOST_STATES = ("diverged", "out_of_memory", "timed_out")
"""States of runs that ended without a score, which is a result: each counts as the worst score there is."""
